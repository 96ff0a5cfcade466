// Measures how fast events are found: by id here and in S3, and by looking at all of them.
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import type { ArchiveLocation } from "../cli/archive/location.ts";
import { openArchive } from "../cli/archive/open.ts";
import { createS3Clients, environmentAccess } from "../cli/net/s3.ts";
import { createTraffic } from "../cli/net/traffic.ts";
import { filterSchema } from "../cli/query/filter.ts";
import { type EventReader, openReader } from "../cli/query/reader.ts";
import { formatBytes, formatCount } from "../cli/report/format.ts";
import { createBucket } from "../cli/store/bucket.ts";
import { generateDump } from "./generator/generate.ts";
import { createRandom } from "./generator/random.ts";
import { startRequestLog } from "./services/request-log.ts";
import { startS3Server } from "./services/s3-server.ts";

const MAIN = join(import.meta.dir, "../cli/main.ts");
const CACHE_BYTES = 64 * 1024 ** 2;
const ROUNDS = 3;
const LOOKUPS = 1000;
const S3_LOOKUPS = 100;
const ANYTIME = { signal: new AbortController().signal, maxScanned: null };

const { lines } = await yargs(hideBin(process.argv))
  .usage("$0\n\nPrints lookups per second, bytes read per lookup, and events searched per second, and the ratios.")
  .option("lines", { type: "number", default: 200_000, describe: "Lines of the generated dump" })
  .strict()
  .parseAsync();

const folder = mkdtempSync(join(tmpdir(), "proton-beam-bench-query-"));
process.env.XDG_CACHE_HOME = join(folder, "cache");
const server = await startS3Server(join(folder, "s3"));
const log = await startRequestLog(server.port);
try {
  Object.assign(process.env, server.env);
  const dump = join(folder, "dump.jsonl");
  const local = join(folder, "archive");
  await generateDump(dump, { seed: "bench", lines, days: 30, duplicates: 0, invalid: 0 }, availableParallelism());
  const convert = Bun.spawn([process.execPath, "run", MAIN, "convert", dump, "-o", local, "--no-progress"], {
    stdout: "ignore",
    stderr: "inherit",
  });
  if ((await convert.exited) !== 0) throw new Error("the conversion failed");
  const bytes = readdirSync(local)
    .filter((name) => name.endsWith(".pb.gz"))
    .reduce((sum, name) => sum + statSync(join(local, name)).size, 0);
  console.log(`${formatCount(lines)} events in ${formatBytes(bytes)} of daily files\n`);

  await benchLookups({ kind: "local", folder: local });
  await benchS3(local);
  await benchSearches({ kind: "local", folder: local });
} finally {
  log.stop();
  await server.stop();
  rmSync(folder, { recursive: true });
}

async function openAt(location: ArchiveLocation, threads: number): Promise<EventReader> {
  return openReader(await openArchive(location, createS3Clients()), { threads, cacheBytes: CACHE_BYTES });
}

/** Ids in the order of time. */
async function idsOf(location: ArchiveLocation): Promise<string[]> {
  const reader = await openAt(location, 0);
  const ids: string[] = [];
  for await (const { id } of reader.search([filterSchema.parse({})], ANYTIME)) ids.push(id);
  reader.close();
  return ids;
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function row(label: string, figure: string, note = ""): void {
  console.log(`${label.padEnd(46)} ${figure.padStart(16)}  ${note}`);
}

async function benchLookups(location: ArchiveLocation): Promise<void> {
  const ids = await idsOf(location);
  const random = createRandom("lookups");
  const scattered = Array.from({ length: LOOKUPS }, () => random.pick(ids));
  const from = random.int(0, ids.length - LOOKUPS);
  const neighbours = ids.slice(from, from + LOOKUPS);
  const lookUp = async (wanted: string[]) => {
    let best = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const reader = await openAt(location, 0);
      const seconds = await secondsOf(async () => {
        for (const id of wanted) await reader.get(id);
      });
      best = Math.max(best, wanted.length / seconds);
      reader.close();
    }
    return best;
  };
  const far = await lookUp(scattered);
  const near = await lookUp(neighbours);
  row("get, local: ids anywhere", `${formatCount(far)}/s`);
  row("get, local: ids near each other", `${formatCount(near)}/s`, `${(near / far).toFixed(1)} times as many`);
}

async function benchS3(local: string): Promise<void> {
  server.createBucket("bench");
  const access = {
    ...environmentAccess({ retryMs: 10_000, stallMs: 10_000, traffic: createTraffic() }),
    endpoint: log.url,
    pathStyle: true,
  };
  const settings = { bucket: "bench", prefix: "", access, sse: null, kmsKeyId: null, storageClass: null };
  const bucket = createBucket(settings, createS3Clients());
  const options = { contentType: "application/octet-stream", sha256: null, final: true };
  for (const name of readdirSync(local)) await bucket.upload(name, join(local, name), options);
  const ids = await idsOf({ kind: "local", folder: local });
  const random = createRandom("s3");
  const reader = await openAt({ kind: "s3", settings }, 0);
  const before = log.requests.length;
  const seconds = await secondsOf(async () => {
    for (let n = 0; n < S3_LOOKUPS; n++) await reader.get(random.pick(ids));
  });
  reader.close();
  const requests = log.requests.slice(before);
  const received = requests.reduce((sum, { answerBytes }) => sum + answerBytes, 0);
  row("get, S3: requests each", (requests.length / S3_LOOKUPS).toFixed(2), "the last members are kept");
  row("get, S3: bytes a request", formatBytes(received / requests.length));
  row("get, S3: one after the other", `${formatCount(S3_LOOKUPS / seconds)}/s`, "the server runs on the same cores");
}

async function benchSearches(location: ArchiveLocation): Promise<void> {
  const searches: [string, unknown][] = [
    ["all events", {}],
    ["text that is nowhere", { search: "that is nowhere to be found" }],
    ["a tag that is not in the index", { "#t": ["nostr"] }],
  ];
  for (const [label, json] of searches) {
    const rateWith = async (threads: number) => {
      let best = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const reader = await openAt(location, threads);
        let scanned = 0;
        const seconds = await secondsOf(async () => {
          for await (const part of reader.findings([filterSchema.parse(json)], "newest-first", ANYTIME))
            scanned += part.scanned;
        });
        best = Math.max(best, scanned / seconds);
        reader.close();
      }
      return best;
    };
    const alone = await rateWith(0);
    row(`search: ${label}, no threads`, `${formatCount(alone)} events/s`);
    for (const threads of [1, 2]) {
      const rate = await rateWith(threads);
      row(
        `search: ${label}, ${threads} thread${threads === 1 ? "" : "s"}`,
        `${formatCount(rate)} events/s`,
        `${(rate / alone).toFixed(2)} of no threads`,
      );
    }
  }
  const reader = await openAt(location, 0);
  const [newest] = await Array.fromAsync(reader.search([filterSchema.parse({ kinds: [1], limit: 1 })], ANYTIME));
  for (const [label, json] of [
    ["the newest 100", { limit: 100 }],
    ["the newest 20 notes of an author", { authors: [newest.pubkey], kinds: [1], limit: 20 }],
  ] as const) {
    const times: number[] = [];
    for (let n = 0; n < 20; n++)
      times.push(await secondsOf(() => Array.fromAsync(reader.search([filterSchema.parse(json)], ANYTIME))));
    row(`search: ${label}, the first time`, `${(times[0] * 1000).toFixed(1)} ms`);
    row(`search: ${label}, then`, `${(times.toSorted((a, b) => a - b)[10] * 1000).toFixed(1)} ms`, "median");
  }
  reader.close();
}
