// Measures reading from and writing to S3 beside plain transfers of the same bytes, against an S3 server on loopback.
import { createReadStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { createS3Clients, environmentAccess, type S3Access } from "../cli/net/s3.ts";
import { createTraffic } from "../cli/net/traffic.ts";
import { chunkRanges } from "../cli/plan/plan.ts";
import { readChunk } from "../cli/source/read.ts";
import { findObjects } from "../cli/source/s3.ts";
import { createBucket } from "../cli/store/bucket.ts";
import { generateDump } from "./generator/generate.ts";
import { startS3Server } from "./services/s3-server.ts";

const MAIN = join(import.meta.dir, "../cli/main.ts");
const ROUNDS = 4;
const CHUNK_BYTES = 64 * 1024 ** 2;
const PLAIN = { partSize: 8 * 1024 ** 2, queueSize: 4 };

const args = await yargs(hideBin(process.argv))
  .usage("$0\n\nPrints MB/s of plain transfers, of the program's own, and of whole conversions, and the ratios.")
  .option("lines", { type: "number", default: 200_000, describe: "Lines of the generated dump" })
  .option("parallel", { type: "number", default: availableParallelism(), describe: "Worker threads" })
  .strict()
  .parseAsync();

const { lines, parallel } = args;
const folder = mkdtempSync(join(tmpdir(), "proton-beam-bench-s3-"));
const server = await startS3Server(join(folder, "s3"));
try {
  Object.assign(process.env, server.env);
  server.createBucket("bench");
  const dump = join(folder, "dump.jsonl");
  await generateDump(dump, { seed: "bench", lines, days: 30, duplicates: 0, invalid: 0 }, parallel);
  const { size } = statSync(dump);
  const client = new S3Client({ region: "us-east-1", endpoint: server.url, forcePathStyle: true });
  const access: S3Access = {
    ...environmentAccess({ retryMs: 10_000, stallMs: 10_000, traffic: createTraffic() }),
    endpoint: server.url,
    pathStyle: true,
  };
  const clients = createS3Clients();
  const rate = async (work: () => Promise<unknown>) => {
    const started = performance.now();
    await work();
    return size / 1000 / (performance.now() - started);
  };
  /** The best of some rounds for each, taken in turns, because other load on the machine comes and goes. */
  const bestRates = async (works: (() => Promise<unknown>)[]) => {
    const best = works.map(() => 0);
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, work] of works.entries()) best[i] = Math.max(best[i], await rate(work));
    return best;
  };

  const plain = { ChecksumAlgorithm: undefined };
  const hashed = { ChecksumAlgorithm: "SHA256" as const };
  const multipart = (checksum: typeof plain | typeof hashed) => () =>
    new Upload({
      client,
      ...PLAIN,
      params: { Bucket: "bench", Key: "dump.jsonl", Body: createReadStream(dump), ...checksum },
    }).done();
  const own = createBucket(
    { bucket: "bench", prefix: "own/", access, sse: null, kmsKeyId: null, storageClass: null },
    clients,
  );
  const [plainPut, hashedPut, put] = await bestRates([
    multipart(plain),
    multipart(hashed),
    () => own.upload("dump.jsonl", dump, { contentType: "application/octet-stream", sha256: null, final: true }),
  ]);

  const inParallel = (read: (range: { start: number; end: number }) => Promise<void>) => () => {
    const ranges = chunkRanges(size, CHUNK_BYTES);
    return Promise.all(
      Array.from({ length: parallel }, async () => {
        for (const range of ranges) await read(range);
      }),
    );
  };
  const [source] = await findObjects({ bucket: "bench", key: "dump.jsonl" }, access, clients);
  const [plainGet, get] = await bestRates([
    inParallel(async ({ start, end }) => {
      const Range = `bytes=${start}-${end - 1}`;
      const answer = await client.send(new GetObjectCommand({ Bucket: "bench", Key: "dump.jsonl", Range }));
      await answer.Body?.transformToByteArray();
    }),
    inParallel(async (range) => {
      for await (const _ of readChunk(source, range, clients));
    }),
  ]);

  const convert = (input: string, output: string[]) =>
    rate(async () => {
      const command = [process.execPath, "run", MAIN, "convert", input, ...output, "--endpoint-url", server.url];
      const child = Bun.spawn([...command, "-j", String(parallel), "--no-progress"], {
        env: { ...process.env },
        stdout: "ignore",
        stderr: "inherit",
      });
      if ((await child.exited) !== 0) throw new Error("the conversion failed");
    });
  const work = (name: string) => ["-o", join(folder, name)];
  const local = await convert(dump, work("local"));
  const fromS3 = await convert("s3://bench/dump.jsonl", work("from"));
  const both = await convert("s3://bench/dump.jsonl", [...work("both"), "--s3-output", "s3://bench/archive"]);

  const row = (label: string, mbps: number, ratio = "") =>
    console.log(`${label.padEnd(52)} ${mbps.toFixed(0).padStart(6)} MB/s  ${ratio}`);
  console.log(`${(size / 1e6).toFixed(0)} MB dump; ${parallel} workers; the server runs on the same cores\n`);
  row("to S3: plain multipart upload", plainPut);
  row("to S3: the same with SHA-256 of each part", hashedPut, `${(hashedPut / plainPut).toFixed(2)} of plain`);
  row("to S3: our upload, hashed and verified", put, `${(put / plainPut).toFixed(2)} of plain`);
  row("from S3: plain ranged download", plainGet);
  row("from S3: our chunk reader", get, `${(get / plainGet).toFixed(2)} of plain`);
  row("convert, file to directory (of input)", local);
  row("convert, S3 to directory", fromS3, `${(fromS3 / local).toFixed(2)} of file to directory`);
  row("convert, S3 to S3", both, `${(both / local).toFixed(2)} of file to directory`);
} finally {
  await server.stop();
  rmSync(folder, { recursive: true });
}
