import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { addCounts } from "../../cli/segment/counts.ts";
import { createRandom } from "../../scripts/generator/random.ts";
import { FAULTS, startFaultProxy } from "../../scripts/services/fault-proxy.ts";
import { startMetadataService } from "../../scripts/services/metadata-service.ts";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { describeIndex } from "./archive.ts";
import { convertOk, digests, makeDump, readManifest, runCli, startCli, temporaryFolder } from "./cli.ts";

const KILLS = Number(process.env.PROTON_BEAM_TEST_KILLS ?? 6);
const CHUNKS = ["--chunk-bytes", "300000"];

const folder = temporaryFolder();
const smallDisk = folder.join("small-disk");
const server = await startS3Server(folder.join("s3"));
const proxy = await startFaultProxy(server.port, createRandom("s3"));
afterAll(async () => {
  proxy.stop();
  await server.stop();
  Bun.spawnSync(["umount", smallDisk]);
  folder[Symbol.dispose]();
});
Object.assign(process.env, server.env);
server.createBucket("dumps");
server.createBucket("archives");
const uploads = new Bun.S3Client({
  bucket: "dumps",
  region: "us-east-1",
  endpoint: server.url,
  accessKeyId: server.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: server.env.AWS_SECRET_ACCESS_KEY,
});
const client = new S3Client({ region: "us-east-1", endpoint: server.url, forcePathStyle: true });

const DIRECT = ["--endpoint-url", server.url];
const FAULTY = ["--endpoint-url", proxy.url, "--retry-for", "60", "--stall-timeout", "1"];
/** Where the work is done, and the archive that it goes to. */
const to = (name: string, work = `${name}-work`) => ["-o", folder.join(work), "--s3-output", `s3://archives/${name}`];
const archive = (name: string) => server.path("archives", name);
const segmentsOf = (name: string) => {
  const path = join(archive(name), ".proton-beam/segments");
  return existsSync(path) ? readdirSync(path).filter((file) => file.endsWith(".seg")) : [];
};

const dump = await makeDump(folder.path, "dump.jsonl", { lines: 6000, days: 6 });
const local = folder.join("local");
await convertOk([dump.path, "-o", local, ...CHUNKS]);

function expectUndisturbed(name: string, wanted = local): void {
  expect(digests(archive(name))).toEqual(digests(wanted));
  expect(describeIndex(archive(name))).toEqual(describeIndex(wanted));
  const [a, b] = [archive(name), wanted].map(readManifest);
  const withoutIndex = ({ files }: typeof a) => files.filter(({ path }) => path !== "index.db");
  expect(withoutIndex(a)).toEqual(withoutIndex(b));
  expect(a.runs.map(({ counts }) => counts)).toEqual(b.runs.map(({ counts }) => counts));
  expect(readdirSync(archive(name)).sort()).toEqual([...readdirSync(wanted), "status.json"].sort());
  expect(JSON.parse(readFileSync(join(archive(name), "status.json"), "utf8")).state).toBe("complete");
}

describe("s3:// inputs", () => {
  writeFileSync(server.path("dumps", "one.jsonl"), "");
  const put = async (key: string, path: string) => {
    mkdirSync(join(server.path("dumps", key), ".."), { recursive: true });
    await uploads.write(key, Bun.file(path));
  };

  test("an object, and all dumps below a prefix, plain and compressed", async () => {
    const zst = folder.join("dump.jsonl.zst");
    writeFileSync(zst, Bun.zstdCompressSync(readFileSync(dump.path)));
    await put("2024/a.jsonl", dump.path);
    await put("2024/deep/b.jsonl.zst", zst);
    await put("2024/notes.txt", zst);
    await convertOk(["s3://dumps/2024/a.jsonl", "-o", folder.join("object"), ...DIRECT, ...CHUNKS]);
    const days = (path: string) => ({ ...digests(path), "rejected.jsonl.gz": "" });
    expect(days(folder.join("object"))).toEqual(days(local));
    await convertOk(["s3://dumps/2024/", "-o", folder.join("prefix"), ...DIRECT, ...CHUNKS]);
    const { inputs, counts } = readManifest(folder.join("prefix")).runs[0];
    expect(inputs.map(({ name, compression }) => [name, compression])).toEqual([
      ["s3://dumps/2024/a.jsonl", "none"],
      ["s3://dumps/2024/deep/b.jsonl.zst", "zstd"],
    ]);
    expect(days(folder.join("prefix"))).toEqual(days(local));
    expect(counts.events).toBe(readManifest(local).events);
    const empty = await convertOk(["s3://dumps/one.jsonl", "-o", folder.join("empty"), ...DIRECT]);
    expect(empty.counts.lines).toBe(0);
  });

  test("an object that changes in the middle is an error, and nothing is published", async () => {
    await put("changing.jsonl", dump.path);
    const out = folder.join("changing");
    const child = startCli(["convert", "s3://dumps/changing.jsonl", "-o", out, "-j", "1", ...DIRECT, ...CHUNKS]);
    const segments = join(out, ".proton-beam/segments");
    while (child.exitCode === null && !(existsSync(segments) && readdirSync(segments).length > 1)) await Bun.sleep(2);
    await put("changing.jsonl", folder.join("dump.jsonl.expected.json"));
    expect(await new Response(child.stderr).text()).toContain("s3://dumps/changing.jsonl changed while");
    expect(await child.exited).toBe(1);
    expect(existsSync(join(out, "manifest.json"))).toBe(false);
  });

  test("what is missing or not allowed says what to do", async () => {
    const convert = (input: string, env?: Record<string, string>, more: string[] = []) =>
      runCli(["convert", input, "-o", folder.join("nothing"), ...DIRECT, ...more], undefined, env);
    const key = await convert("s3://dumps/none.jsonl");
    expect([key.exitCode, key.stderr]).toEqual([1, expect.stringContaining("s3://dumps/none.jsonl does not exist")]);
    const bucket = await convert("s3://no-such-bucket/none.jsonl");
    expect(bucket.stderr).toContain("Create the bucket first");
    const prefix = await convert("s3://dumps/nothing/");
    expect([prefix.exitCode, prefix.stderr]).toEqual([2, expect.stringContaining("holds no .jsonl")]);
    const denied = await convert("s3://dumps/2024/", { AWS_SECRET_ACCESS_KEY: "wrong" });
    expect([denied.exitCode, denied.stderr]).toEqual([1, expect.stringContaining("Check the permissions")]);
    const nobody = {
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "",
      AWS_EC2_METADATA_DISABLED: "true",
      HOME: "/nowhere",
    };
    const anonymous = await convert("s3://dumps/2024/", nobody);
    expect(anonymous.stderr).toContain("no AWS credentials were found");
    const unsigned = await convert("s3://dumps/2024/", nobody, ["--no-sign-request"]);
    expect([unsigned.exitCode, unsigned.stderr]).toEqual([1, expect.stringContaining("AccessDenied")]);
  }, 30_000);
});

describe("--s3-output", () => {
  test("holds the same objects as a local archive, with type, checksum and storage class", async () => {
    const summary = await convertOk([
      dump.path,
      ...to("plain"),
      ...DIRECT,
      ...CHUNKS,
      "--storage-class",
      "STANDARD_IA",
    ]);
    expect(summary.place).toBe("s3://archives/plain/");
    expectUndisturbed("plain");
    expect(readdirSync(folder.join("plain-work"))).toEqual(["proton-beam.log"]);
    const { files } = readManifest(archive("plain"));
    for (const { path, size, sha256 } of files) {
      const Key = `plain/${path}`;
      const head = await client.send(new HeadObjectCommand({ Bucket: "archives", Key, ChecksumMode: "ENABLED" }));
      expect(head).toMatchObject({ ContentLength: size, Metadata: { sha256 } });
      expect(head.ChecksumSHA256).toBe(Buffer.from(sha256, "hex").toString("base64"));
      expect(head.ContentType).toBe(path === "index.db" ? "application/vnd.sqlite3" : "application/gzip");
    }
    const again = await convertOk([dump.path, ...to("plain"), ...DIRECT, ...CHUNKS]);
    expect(again.skippedInputs).toBe(1);
    expectUndisturbed("plain");
  }, 30_000);

  test("large files go in parts, and are verified whole", async () => {
    const large = await makeDump(folder.path, "large.jsonl", { lines: 40_000, days: 1 });
    await convertOk([large.path, "-o", folder.join("large-local")]);
    await convertOk([large.path, ...to("large"), ...DIRECT]);
    expectUndisturbed("large", folder.join("large-local"));
    const Key = `large/${readdirSync(archive("large")).find((name) => name.endsWith(".pb.gz"))}`;
    const head = await client.send(new HeadObjectCommand({ Bucket: "archives", Key, ChecksumMode: "ENABLED" }));
    expect(head.ContentLength).toBeGreaterThan(16 * 1024 ** 2);
    expect(head.ChecksumSHA256).toMatch(/-\d+$/);
  }, 60_000);

  test("is added to as a local archive is, also from another machine that is killed on the way", async () => {
    const more = await makeDump(folder.path, "more.jsonl", { lines: 5000, days: 9 });
    const both = folder.join("both");
    for (const path of [dump.path, more.path]) await convertOk([path, "-o", both, ...CHUNKS]);
    await convertOk([dump.path, ...to("added"), ...DIRECT, ...CHUNKS]);
    const before = readManifest(archive("added"));
    const random = createRandom("added");
    for (let i = 0; i < 4; i++) {
      const args = ["convert", more.path, ...to("added", `added-${i}`), ...DIRECT, ...CHUNKS, "--lease", "1"];
      const child = startCli(args);
      await Bun.sleep(random.int(500, 3000));
      child.kill("SIGKILL");
      await child.exited;
      // Until it is complete, the archive is the one from before.
      const manifest = readManifest(archive("added"));
      if (manifest.runs.length === 1)
        for (const { path, sha256 } of before.files)
          if (path.endsWith(".pb.gz")) expect(digests(archive("added"))[path]).toBe(sha256);
    }
    await convertOk([more.path, ...to("added", "added-last"), ...DIRECT, ...CHUNKS, "--lease", "1"]);
    expectUndisturbed("added", both);
  }, 60_000);

  test("uploads that a dead process left are aborted, those of others are not", async () => {
    const Key = "abandoned/2024_01_01.pb.gz";
    const foreign = "abandoned/video.mp4";
    for (const key of [Key, foreign])
      await client.send(new CreateMultipartUploadCommand({ Bucket: "archives", Key: key }));
    await convertOk([dump.path, ...to("abandoned"), ...DIRECT, ...CHUNKS]);
    const list = await client.send(new ListMultipartUploadsCommand({ Bucket: "archives", Prefix: "abandoned/" }));
    expect((list.Uploads ?? []).map((upload) => upload.Key)).toEqual([foreign]);
    expectUndisturbed("abandoned");
  }, 30_000);

  test("wrong use says what to do", async () => {
    const address = await runCli([
      "convert",
      dump.path,
      "-o",
      folder.join("x"),
      "--s3-output",
      "archives/x",
      ...DIRECT,
    ]);
    expect([address.exitCode, address.stderr]).toEqual([2, expect.stringContaining("s3://bucket/prefix")]);
    const taken = await runCli(["convert", dump.path, "-o", local, "--s3-output", "s3://archives/x", ...DIRECT]);
    expect([taken.exitCode, taken.stderr]).toEqual([2, expect.stringContaining("holds an archive")]);
    mkdirSync(archive("stranger"));
    writeFileSync(join(archive("stranger"), "2024_01_01.pb.gz"), "?");
    const stranger = await runCli(["convert", dump.path, ...to("stranger"), ...DIRECT]);
    expect([stranger.exitCode, stranger.stderr]).toEqual([1, expect.stringContaining("no manifest.json")]);
  }, 30_000);
});

test("encryption, and paying for requests, are asked for in the headers", async () => {
  const seen: Headers[] = [];
  const recorder = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ method, headers }) => {
      seen.push(headers);
      const code = method === "PUT" ? "AccessDenied" : "NoSuchKey";
      return new Response(`<Error><Code>${code}</Code></Error>`, { status: method === "PUT" ? 403 : 404 });
    },
  });
  const endpoint = ["--endpoint-url", `http://127.0.0.1:${recorder.port}`];
  await runCli(["convert", "s3://dumps/x.jsonl", "-o", folder.join("payer"), ...endpoint, "--request-payer"]);
  expect(seen.pop()?.get("x-amz-request-payer")).toBe("requester");
  const { exitCode } = await runCli(["convert", dump.path, ...to("kms"), ...endpoint, "--kms-key-id", "key-1"]);
  expect(exitCode).toBe(1);
  const put = seen.pop();
  expect(put?.get("x-amz-server-side-encryption")).toBe("aws:kms");
  expect(put?.get("x-amz-server-side-encryption-aws-kms-key-id")).toBe("key-1");
  recorder.stop(true);
}, 30_000);

describe("a run that is interrupted", () => {
  test("is taken up by a machine with an empty disk", async () => {
    const args = [dump.path, "-j", "1", ...DIRECT, ...CHUNKS, "--lease", "1", "--sync-interval", "0.1"];
    const child = startCli(["convert", ...args, ...to("taken")]);
    while (child.exitCode === null && segmentsOf("taken").length < 5) await Bun.sleep(2);
    child.kill("SIGKILL");
    await child.exited;
    const ready = segmentsOf("taken").length;
    const { reused } = await convertOk([...args, ...to("taken", "taken-fresh")]);
    expect(reused.segments).toBe(ready);
    expectUndisturbed("taken");
    const log = readFileSync(join(archive("taken"), "proton-beam.log"), "utf8");
    expect(log.split("conversion started").length).toBeGreaterThan(2);
  }, 30_000);

  test("and a segment of which was damaged in S3 is made anew", async () => {
    const args = [dump.path, "-j", "1", ...DIRECT, ...CHUNKS];
    const child = startCli(["convert", ...args, ...to("damaged")]);
    while (child.exitCode === null && segmentsOf("damaged").length < 4) await Bun.sleep(2);
    child.kill("SIGTERM");
    await child.exited;
    const segment = join(archive("damaged"), ".proton-beam/segments", segmentsOf("damaged")[0]);
    const bytes = readFileSync(segment);
    bytes[5000] ^= 1;
    writeFileSync(segment, bytes);
    const first = await runCli(["convert", ...args, ...to("damaged", "damaged-1")]);
    expect([first.exitCode, first.stderr]).toEqual([75, expect.stringContaining("was damaged and has been removed")]);
    await convertOk([...args, ...to("damaged", "damaged-2")]);
    expectUndisturbed("damaged");
  }, 30_000);

  test("of another input or option is refused, with what differs", async () => {
    const child = startCli(["convert", dump.path, "-j", "1", ...to("other"), ...DIRECT, ...CHUNKS]);
    while (child.exitCode === null && segmentsOf("other").length < 3) await Bun.sleep(2);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(75);
    const other = await runCli(["convert", dump.path, ...to("other", "other-2"), ...DIRECT, "--chunk-bytes", "100000"]);
    expect([other.exitCode, other.stderr]).toEqual([1, expect.stringContaining("chunkBytes: 300000 became 100000")]);
    await convertOk([dump.path, ...to("other", "other-3"), ...DIRECT, ...CHUNKS]);
    expectUndisturbed("other");
  }, 30_000);

  test("by SIGTERM makes safe what is committed, says so, and lets go of the lease at once", async () => {
    const silent = new ReadableStream({
      start: (controller) => controller.enqueue(readFileSync(dump.path).subarray(0, 2_000_000)),
    });
    const child = startCli(["convert", "-", ...to("term"), ...DIRECT, ...CHUNKS], silent);
    while (child.exitCode === null && segmentsOf("term").length < 4) await Bun.sleep(5);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(75);
    expect(existsSync(join(archive("term"), ".proton-beam/lease.json"))).toBe(false);
    const onDisk = readdirSync(folder.join("term-work/.proton-beam/segments"));
    expect(segmentsOf("term").length).toBeGreaterThanOrEqual(4);
    expect(segmentsOf("term")).toEqual(expect.arrayContaining(onDisk));
    const status = JSON.parse(readFileSync(join(archive("term"), "status.json"), "utf8"));
    expect(status).toMatchObject({ state: "interrupted", phase: { name: "Reading" } });
  }, 30_000);

  test("by a spot notice stops by itself, with the credentials of the instance's role", async () => {
    const imds = startMetadataService({
      accessKeyId: server.env.AWS_ACCESS_KEY_ID,
      secretAccessKey: server.env.AWS_SECRET_ACCESS_KEY,
    });
    const env = {
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "",
      AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url,
      HOME: "/nowhere",
    };
    const silent = new ReadableStream({
      start: (controller) => controller.enqueue(readFileSync(dump.path).subarray(0, 2_000_000)),
    });
    const child = startCli(["convert", "-", ...to("spot"), ...DIRECT, ...CHUNKS], silent, env);
    while (child.exitCode === null && segmentsOf("spot").length < 4) await Bun.sleep(5);
    imds.documents.set("spot/instance-action", '{"action":"terminate","time":"2024-05-01T10:02:00Z"}');
    const stderr = await new Response(child.stderr).text();
    imds.stop();
    expect(stderr).toContain("EC2 is going to terminate this spot instance at 2024-05-01T10:02:00Z");
    expect(await child.exited).toBe(75);
    expect(readFileSync(join(archive("spot"), "proton-beam.log"), "utf8")).toContain(
      "going to take this spot instance",
    );
  }, 40_000);
});

describe("a run over a prefix that has grown since it was stopped", () => {
  /** Sorts before what the unfinished run reads. */
  const LATER = "a.jsonl";
  const prefix = (name: string) => `s3://dumps/${name}/`;
  const options = (name: string) => [prefix(name), ...DIRECT, ...CHUNKS, "-j", "1", "--lease", "1"];
  const putDump = async (name: string, key: string, path: string) => {
    mkdirSync(server.path("dumps", name), { recursive: true });
    await uploads.write(`${name}/${key}`, Bun.file(path));
  };
  const leaseOf = (name: string) => join(archive(name), ".proton-beam/lease.json");

  let later = "";
  let calm = "";
  beforeAll(async () => {
    later = (await makeDump(folder.path, "later.jsonl", { lines: 5000, days: 9 })).path;
    calm = folder.join("grown-calm");
    await putDump("calm", "b.jsonl", dump.path);
    await convertOk([prefix("calm"), "-o", calm, ...DIRECT, ...CHUNKS]);
    await putDump("calm", LATER, later);
    await convertOk([prefix("calm"), "-o", calm, ...DIRECT, ...CHUNKS]);
    await convertOk([prefix("calm"), "-o", folder.join("grown-at-once"), ...DIRECT, ...CHUNKS]);
    expect(dayDigests(calm)).toEqual(dayDigests(folder.join("grown-at-once")));
    expect(describeIndex(calm)).toEqual(describeIndex(folder.join("grown-at-once")));
  }, 60_000);
  const dayDigests = (path: string) => ({ ...digests(path), "rejected.jsonl.gz": "" });

  /** A machine is killed and its disk lost; then the prefix grows. */
  async function makeUnfinished(name: string): Promise<void> {
    await putDump(name, "b.jsonl", dump.path);
    const child = startCli(["convert", ...options(name), ...to(name)]);
    while (child.exitCode === null && segmentsOf(name).length < 4) await Bun.sleep(2);
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder.join(`${name}-work`), { recursive: true });
    await putDump(name, LATER, later);
  }

  /** The rejects name the prefix, so their file is another one. */
  function expectCalm(name: string): void {
    expect(dayDigests(archive(name))).toEqual(dayDigests(calm));
    expect(describeIndex(archive(name))).toEqual(describeIndex(calm));
    const [a, b] = [archive(name), calm].map(readManifest);
    expect(a.runs.map(({ inputs }) => inputs.map((input) => input.name))).toEqual([
      [`${prefix(name)}b.jsonl`],
      [prefix(name) + LATER],
    ]);
    expect(a.runs.map(({ counts }) => counts)).toEqual(b.runs.map(({ counts }) => counts));
    expect(readdirSync(archive(name)).sort()).toEqual([...readdirSync(calm), "status.json"].sort());
    expect(JSON.parse(readFileSync(join(archive(name), "status.json"), "utf8")).state).toBe("complete");
  }

  test("grew: another machine finishes it, then adds the rest", async () => {
    await makeUnfinished("grown");
    const { counts, reused, archive: whole } = await convertOk([...options("grown"), ...to("grown")]);
    expect(reused.segments).toBeGreaterThanOrEqual(4);
    expectCalm("grown");
    const { runs, events, days } = readManifest(archive("grown"));
    expect(counts).toEqual(addCounts(runs[0].counts, runs[1].counts));
    expect([whole.events, whole.days]).toEqual([events, days]);
    const log = readFileSync(join(archive("grown"), "proton-beam.log"), "utf8");
    expect(log).toContain('"inputs":1,"left":1');
    expect(log.split('"addsToArchive":true')).toHaveLength(2);
    const again = await convertOk([...options("grown"), ...to("grown")]);
    expect([again.skippedInputs, again.counts.lines]).toEqual([2, 0]);
    expectCalm("grown");
  }, 60_000);

  test("grew: stopped in the second conversion and its disk lost, another machine converts the rest", async () => {
    await makeUnfinished("second");
    const child = startCli(["convert", ...options("second"), ...to("second")]);
    const plan = Bun.file(join(archive("second"), ".proton-beam/plan.json"));
    const isAdding = async () => (await plan.text().catch(() => "")).includes('"earlierRuns":1');
    while (child.exitCode === null && !((await isAdding()) && segmentsOf("second").length > 2)) await Bun.sleep(2);
    expect(existsSync(leaseOf("second"))).toBe(true);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(75);
    expect(existsSync(leaseOf("second"))).toBe(false);
    expect(readManifest(archive("second")).runs).toHaveLength(1);
    const { reused, skippedInputs } = await convertOk([...options("second"), ...to("second", "second-fresh")]);
    expect(reused.segments).toBeGreaterThan(0);
    expect(skippedInputs).toBe(1);
    expectCalm("second");
  }, 60_000);

  test(`grew: killed and its disk wiped ${KILLS} times`, async () => {
    await makeUnfinished("wiped");
    const random = createRandom("wiped");
    for (let i = 0; i < KILLS; i++) {
      const child = startCli(["convert", ...options("wiped"), ...to("wiped")]);
      await Bun.sleep(random.int(1200, 5000));
      child.kill("SIGKILL");
      await child.exited;
      if (random.chance(0.7)) rmSync(folder.join("wiped-work"), { recursive: true, force: true });
    }
    await convertOk([...options("wiped"), ...to("wiped", "wiped-last")]);
    expectCalm("wiped");
  }, 1_800_000);

  test("grew, but an input of the run changed or is gone: refused", async () => {
    await makeUnfinished("changed");
    await putDump("changed", "b.jsonl", later);
    const refusal = {
      exitCode: 1,
      stderr: expect.stringContaining("holds an unfinished run that differs from this one: inputs ["),
    };
    expect(await runCli(["convert", ...options("changed"), ...to("changed")])).toMatchObject(refusal);
    await uploads.delete("changed/b.jsonl");
    expect(await runCli(["convert", ...options("changed"), ...to("changed", "changed-2")])).toMatchObject(refusal);
    await uploads.delete(`changed/${LATER}`);
    await putDump("changed", "b.jsonl", later);
    const { exitCode, stderr } = await runCli(["convert", ...options("changed"), ...to("changed", "changed-3")]);
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining("b.jsonl has another size, ETag or modification time"),
    ]);
  }, 60_000);
});

describe("the lease", () => {
  const endless = () => new ReadableStream({});
  const leasePath = (name: string) => join(archive(name), ".proton-beam/lease.json");

  test("keeps a second machine out while the first is alive", async () => {
    const first = startCli(["convert", "-", ...to("held"), ...DIRECT, "--lease", "3"], endless());
    while (!existsSync(leasePath("held"))) await Bun.sleep(5);
    const second = await runCli(["convert", dump.path, ...to("held", "held-2"), ...DIRECT, "--lease", "3"]);
    expect(second.stderr).toContain("another proton-beam is at work on s3://archives/held/");
    expect(second.exitCode).toBe(75);
    first.kill("SIGKILL");
    await first.exited;
  }, 30_000);

  test("that is lost stops the first machine, which publishes nothing", async () => {
    const first = startCli(["convert", "-", ...to("lost"), ...DIRECT, "--lease", "2"], endless());
    while (!existsSync(leasePath("lost"))) await Bun.sleep(5);
    // A machine that stands still for longer than its lease, as in a paused virtual machine.
    first.kill("SIGSTOP");
    const second = runCli(["convert", dump.path, ...to("lost", "lost-2"), ...DIRECT, ...CHUNKS, "--lease", "2"]);
    expect((await second).exitCode).toBe(0);
    first.kill("SIGCONT");
    expect(await new Response(first.stderr).text()).toContain("the lease on s3://archives/lost/ was lost");
    expect(await first.exited).toBe(75);
    expectUndisturbed("lost");
  }, 30_000);
});

describe("faulty links", () => {
  test.each(FAULTS)(
    "(%s) change nothing in what comes out",
    async (fault) => {
      proxy.set([fault], 0.15);
      await convertOk([dump.path, ...to(fault), ...FAULTY, ...CHUNKS, "--lease", "30"]);
      proxy.set([], 0);
      expect(proxy.dealt.get(fault)).toBeGreaterThan(0);
      expectUndisturbed(fault);
    },
    90_000,
  );

  test(`all together, the process killed and its disk wiped ${KILLS} times: the same objects`, async () => {
    await uploads.write("soak.jsonl", Bun.file(dump.path));
    const wanted = folder.join("soak-local");
    await convertOk(["s3://dumps/soak.jsonl", "-o", wanted, ...DIRECT, ...CHUNKS]);
    const random = createRandom(process.env.PROTON_BEAM_TEST_SEED ?? "soak");
    const args = ["s3://dumps/soak.jsonl", ...FAULTY, ...CHUNKS, "--lease", "1"];
    for (let i = 0; i < KILLS; i++) {
      proxy.set(FAULTS, 0.08);
      const work = folder.join("soak-work");
      const child = startCli(["convert", ...args, ...to("soak"), "-j", String(random.int(1, 3))]);
      await Bun.sleep(random.int(1200, 5000));
      child.kill("SIGKILL");
      await child.exited;
      if (random.chance(0.7)) rmSync(work, { recursive: true, force: true });
    }
    await convertOk([...args, ...to("soak", "soak-last")]);
    proxy.set([], 0);
    expectUndisturbed("soak", wanted);
  }, 1_800_000);

  test("a server that is down gives exit code 75 in time", async () => {
    const args = ["convert", dump.path, ...to("gone"), "--endpoint-url", "http://127.0.0.1:9", "--retry-for", "1"];
    const { exitCode, stderr } = await runCli(args);
    expect(stderr).toContain("failed for 1 s (--retry-for)");
    expect(exitCode).toBe(75);
  }, 60_000);
});

describe("a disk much smaller than the output", () => {
  const mounted = Bun.spawnSync([
    "sh",
    "-c",
    `mkdir -p '${smallDisk}' && mount -t tmpfs -o size=24m tmpfs '${smallDisk}'`,
  ]).success;
  if (!mounted) console.warn("skipped: this user cannot mount a small file system");

  test.skipIf(!mounted)(
    "is enough, and what comes out is the same",
    async () => {
      const big = await makeDump(folder.path, "big.jsonl", { lines: 60_000, days: 40 });
      await convertOk([big.path, "-o", folder.join("big-local"), "--chunk-bytes", "2MiB"]);
      const bytes = readManifest(folder.join("big-local")).files.reduce((sum, { size }) => sum + size, 0);
      expect(bytes).toBeGreaterThan(40 * 1024 ** 2);
      const out = ["-o", join(smallDisk, "work"), "--s3-output", "s3://archives/small"];
      await convertOk([big.path, ...out, ...DIRECT, "--chunk-bytes", "2MiB"]);
      expectUndisturbed("small", folder.join("big-local"));
    },
    60_000,
  );
});
