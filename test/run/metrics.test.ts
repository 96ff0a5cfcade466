import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT } from "../../cli/errors.ts";
import { totalOf } from "../../cli/segment/counts.ts";
import { createRandom } from "../../scripts/generator/random.ts";
import { type FaultProxy, startFaultProxy } from "../../scripts/services/fault-proxy.ts";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { startWebServer } from "../../scripts/services/web-server.ts";
import { convertOk, makeDump, readManifest, runCli, startCli, temporaryFolder } from "./cli.ts";

const CHUNKS = ["--chunk-bytes", "200000"];
const PATIENT = ["--retry-for", "60"];

const folder = temporaryFolder();
const root = folder.join("root");
mkdirSync(root);
const web = await startWebServer(root, folder.join("nginx"));
const webProxy = await startFaultProxy(web.port, createRandom("metrics"));
const s3 = await startS3Server(folder.join("s3"));
const s3Proxy = await startFaultProxy(s3.port, createRandom("metrics"));
afterAll(async () => {
  for (const service of [webProxy, s3Proxy, web, s3]) await service.stop();
  folder[Symbol.dispose]();
});
s3.createBucket("dumps");
s3.createBucket("archives");
const dump = await makeDump(root, "dump.jsonl", { lines: 3000, days: 4 });
const credentials = { ...s3.env, AWS_REGION: "us-east-1" };

interface MetricsLine {
  Dataset: string;
  State: string;
  Events: number;
  Bytes: number;
  Rejected: number;
  Retries: number;
  DaysWritten: number;
  Work: number;
}

function readLines(name: string): MetricsLine[] {
  const lines = readFileSync(folder.join(name), "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line));
}

function sumsOf(lines: MetricsLine[]) {
  const sum = (name: "Events" | "Bytes" | "Rejected" | "Retries" | "DaysWritten" | "Work") =>
    lines.reduce((total, line) => total + line[name], 0);
  return {
    counted: { events: sum("Events"), bytes: sum("Bytes"), rejected: sum("Rejected"), days: sum("DaysWritten") },
    retries: sum("Retries"),
    work: sum("Work"),
  };
}

/** What the sums must be: those of an undisturbed run. Some of the duplicates are chunks apart. */
const undisturbed = await convertOk([dump.path, "-o", folder.join("local"), ...CHUNKS]);
const wanted = {
  events: undisturbed.counts.events,
  bytes: dump.expected.bytes,
  rejected: totalOf(undisturbed.counts.rejected),
  days: undisturbed.archive.days,
};

/** Each of these answers is the failure of one request, which is then repeated. */
const refuse = (proxy: FaultProxy) => proxy.set(["internal-error", "slow-down"], 0.3);
const refusals = ({ dealt }: FaultProxy) => (dealt.get("internal-error") ?? 0) + (dealt.get("slow-down") ?? 0);

test("sums over the records are the counts of the summary, and refused requests of all threads are retries", async () => {
  refuse(webProxy);
  const args = [`${webProxy.url}/dump.jsonl`, "-o", folder.join("http"), "-j", "2", ...CHUNKS, ...PATIENT];
  const { counts } = await convertOk([...args, "--metrics-file", folder.join("http.metrics")]);
  webProxy.set([], 0);
  const lines = readLines("http.metrics");
  const { counted, retries, work } = sumsOf(lines);
  expect(counted).toEqual(wanted);
  expect([counts.events, counts.bytes]).toEqual([counted.events, counted.bytes]);
  // Chunks are read by workers: far more requests than the main thread makes, which looks at the input twice.
  expect(refusals(webProxy)).toBeGreaterThan(3);
  expect(retries).toBe(refusals(webProxy));
  // Received and converted, at least.
  expect(work).toBeGreaterThan(2 * counts.bytes);
  expect(lines.map(({ Dataset, State }) => [Dataset, State])).toEqual([[folder.join("http"), "complete"]]);
}, 60_000);

test("requests to S3 count too", async () => {
  writeFileSync(s3.path("dumps", "dump.jsonl"), readFileSync(dump.path));
  refuse(s3Proxy);
  const place = ["-o", folder.join("s3-work"), "--s3-output", "s3://archives/s3", "--endpoint-url", s3Proxy.url];
  const args = ["s3://dumps/dump.jsonl", ...place, "-j", "2", ...CHUNKS, ...PATIENT];
  await convertOk([...args, "--metrics-file", folder.join("s3.metrics")], undefined, credentials);
  s3Proxy.set([], 0);
  const lines = readLines("s3.metrics");
  const { counted, retries } = sumsOf(lines);
  expect(counted).toEqual(wanted);
  expect(refusals(s3Proxy)).toBeGreaterThan(3);
  expect(retries).toBe(refusals(s3Proxy));
  expect(lines.map(({ Dataset }) => Dataset)).toEqual(["s3://archives/s3/"]);
}, 60_000);

test("bytes that are sent are work", async () => {
  const place = ["-o", folder.join("sent-work"), "--s3-output", "s3://archives/sent", "--endpoint-url", s3.url];
  const metrics = ["--metrics-file", folder.join("sent.metrics")];
  await convertOk([dump.path, ...place, ...CHUNKS, ...metrics], undefined, credentials);
  const { counted, work } = sumsOf(readLines("sent.metrics"));
  const sent = readManifest(s3.path("archives", "sent")).files.reduce((sum, { size }) => sum + size, 0);
  expect(work).toBeGreaterThan(counted.bytes + sent);
}, 60_000);

const manyDays = await makeDump(root, "many-days.jsonl", { lines: 3000, days: 60 });

test.each([
  { kind: "segments", input: `${web.url}/slow/dump.jsonl`, days: wanted.days },
  { kind: "days", input: manyDays.path, days: 60 },
])(
  "a run that goes on after some $kind counts only what the one before did not",
  async ({ kind, input, days }) => {
    const out = folder.join(`resumed-${kind}`);
    const metrics = `${kind}.metrics`;
    const args = [input, "-o", out, "-j", "1", "--compression-level", "12", ...CHUNKS];
    const child = startCli(["convert", ...args, "--metrics-file", folder.join(metrics)]);
    const made = join(out, ".proton-beam", kind);
    while (child.exitCode === null && !(existsSync(made) && readdirSync(made).length > 3)) await Bun.sleep(2);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(EXIT.resumable);
    const [interrupted] = readLines(metrics);
    expect(interrupted.State).toBe("interrupted");
    expect(kind === "days" ? interrupted.DaysWritten : interrupted.Bytes).toBeGreaterThan(0);
    const { counts, reused } = await convertOk([...args, "--metrics-file", folder.join(metrics)]);
    expect(kind === "days" ? reused.days : reused.segments).toBeGreaterThan(0);
    const { events, bytes, rejected } = counts;
    expect(sumsOf(readLines(metrics)).counted).toEqual({ events, bytes, rejected: totalOf(rejected), days });
  },
  60_000,
);

test("a run that fails has its record, and one without a place for its metrics goes on", async () => {
  mkdirSync(folder.join("strange"));
  writeFileSync(folder.join("strange/2024_01_01.pb.gz"), "");
  const convert = (out: string, metrics: string) =>
    runCli(["convert", dump.path, "-o", folder.join(out), "--metrics-file", folder.join(metrics)]);
  expect((await convert("strange", "strange.metrics")).exitCode).toBe(EXIT.failed);
  expect(readLines("strange.metrics").map(({ State }) => State)).toEqual(["failed"]);
  expect((await convert("no-metrics", "no/folder/metrics")).exitCode).toBe(EXIT.done);
  const log = readFileSync(folder.join("no-metrics/proton-beam.log"), "utf8");
  expect(log.split("metrics cannot be written")).toHaveLength(2);
}, 60_000);

test("a dataset gives its name", async () => {
  const path = folder.join("relays.json");
  writeFileSync(
    path,
    JSON.stringify({
      source: { urls: [`${web.url}/dump.jsonl`], size: "10MB" },
      convert: { validateSignatures: false },
    }),
  );
  await convertOk(["--dataset", path, "-o", folder.join("dataset"), "--metrics-file", folder.join("dataset.metrics")]);
  expect(readLines("dataset.metrics").map(({ Dataset }) => Dataset)).toEqual(["relays"]);
}, 60_000);
