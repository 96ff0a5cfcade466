import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { readDataset } from "../../cli/dataset/read.ts";
import { describeSizing, sizeOf } from "../../cli/dataset/sizing.ts";
import type { EstimateReport } from "../../cli/estimate/estimate.ts";
import type { Service } from "../../scripts/services/process.ts";
import { type S3Server, startS3Server } from "../../scripts/services/s3-server.ts";
import { startWebServer } from "../../scripts/services/web-server.ts";
import { convertOk, type Dump, makeDump, readManifest, runCli, temporaryFolder } from "../run/cli.ts";

setDefaultTimeout(30_000);

const folder = temporaryFolder();
let dump: Dump;
let real: { lines: number; events: number; duplicates: number; rejected: number; daily: number; index: number };
let web: Service;
let s3: S3Server;

beforeAll(async () => {
  // Larger than what is sampled of it, twice over.
  dump = await makeDump(folder.join("dumps"), "dump.jsonl", { lines: 50_000, days: 20 });
  const bytes = readFileSync(dump.path);
  writeFileSync(`${dump.path}.gz`, Bun.gzipSync(bytes));
  writeFileSync(`${dump.path}.zst`, zstdCompressSync(bytes));
  const { counts } = await convertOk([dump.path, "-o", folder.join("archive")]);
  const { files } = readManifest(folder.join("archive"));
  const size = (isWanted: (path: string) => boolean) =>
    files.filter(({ path }) => isWanted(path)).reduce((sum, file) => sum + file.size, 0);
  real = {
    lines: counts.lines,
    events: counts.events,
    duplicates: counts.duplicates,
    rejected: Object.values(counts.rejected).reduce((sum, n) => sum + n, 0),
    daily: size((path) => path.endsWith(".pb.gz")),
    index: size((path) => path === "index.db"),
  };
  web = await startWebServer(folder.join("dumps"), folder.join("web"));
  s3 = await startS3Server(folder.join("s3"));
  s3.createBucket("dumps");
  writeFileSync(s3.path("dumps", "dump.jsonl"), bytes);
});

afterAll(async () => {
  await Promise.all([web?.stop(), s3?.stop()]);
  folder[Symbol.dispose]();
});

type Printed = EstimateReport & { dataset: unknown };

async function estimateOf(args: string[], env: Record<string, string> = {}): Promise<Printed> {
  const { stdout, stderr, exitCode } = await runCli(["estimate", "--json", ...args], undefined, env);
  expect([exitCode, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

/** How far off a value is, as a share of the real one. */
const off = (value: number, actual: number) => Math.abs(value - actual) / actual;

function expectNear({ totals }: Printed): void {
  expect(off(totals.events.value, real.events)).toBeLessThan(0.1);
  expect(off(totals.lines.value, real.lines)).toBeLessThan(0.1);
  expect(off(totals.dailyBytes, real.daily)).toBeLessThan(0.15);
  expect(off(totals.indexBytes, real.index)).toBeLessThan(0.15);
  expect(off(totals.rejected.value, real.rejected)).toBeLessThan(0.25);
}

test("a plain dump: counts and sizes are near those of the conversion, and within what is said of them", async () => {
  const report = await estimateOf([dump.path]);
  const { totals } = report;
  expect(totals.isWhole).toBe(false);
  expect(totals.sampledBytes).toBe(32 * 1024 ** 2);
  expectNear(report);
  expect(off(totals.duplicates, real.duplicates)).toBeLessThan(0.3);
  for (const [estimate, actual] of [
    [totals.lines, real.lines],
    [totals.rejected, real.rejected],
  ] as const) {
    expect(estimate.plusMinus).toBeGreaterThan(0);
    // 95% of samples are within; twice that leaves no room for chance.
    expect(Math.abs(estimate.value - actual)).toBeLessThan(2 * (estimate.plusMinus ?? 0));
  }
  expect(totals.days).toBe(20);
  expect(report.streams).toBeNull();
  expect(report.here.hours).toBeGreaterThan(0);
});

test.each(["gz", "zst"])("a compressed dump (%s): from its beginning, and said to be one stream", async (suffix) => {
  const path = `${dump.path}.${suffix}`;
  const report = await estimateOf([path]);
  expectNear(report);
  expect(report.totals.lines.plusMinus).toBeNull();
  expect(report.storedBytes).toBe(statSync(path).size);
  expect(report.streams?.inputs).toBe(1);
  expect(off(report.streams?.bytes ?? 0, statSync(dump.path).size)).toBeLessThan(0.1);
});

test("the index with tags is larger, and reckoned with", async () => {
  const archive = folder.join("tagged");
  await convertOk([dump.path, "-o", archive, "--index-tags", "e,p,t"]);
  const { totals, dataset } = await estimateOf([dump.path, "--index-tags", "e,p,t"]);
  const { size } = statSync(join(archive, "index.db"));
  expect(size).toBeGreaterThan(real.index * 1.2);
  expect(off(totals.indexBytes, size)).toBeLessThan(0.15);
  expect(dataset).toBeNull();
});

test("a dump that is given twice has hardly more events than once: the beginnings of streams are compared", async () => {
  const { totals } = await estimateOf([`${dump.path}.gz`, `${dump.path}.zst`]);
  expect(off(totals.events.value, real.events)).toBeLessThan(0.2);
});

test("a stream that grows a thousandfold is not decompressed to its end", async () => {
  const line = Buffer.from(`${JSON.stringify({ content: "x".repeat(10_000) })}\n`);
  const bytes = Buffer.concat(new Array(20_000).fill(line));
  const path = folder.join("bomb.jsonl.zst");
  writeFileSync(path, zstdCompressSync(bytes));
  const { totals } = await estimateOf([path]);
  expect(totals.isWhole).toBe(false);
  expect(totals.sampledBytes).toBeLessThan(40 * 1024 ** 2);
  expect(totals.bytes).toBeGreaterThan(bytes.length / 10);
});

test("empty inputs beside others change nothing", async () => {
  writeFileSync(folder.join("nothing.jsonl"), "");
  writeFileSync(folder.join("nothing.jsonl.gz"), Bun.gzipSync(""));
  const alone = await estimateOf([`${dump.path}.zst`]);
  const beside = await estimateOf([`${dump.path}.zst`, folder.join("nothing.jsonl"), folder.join("nothing.jsonl.gz")]);
  expect(off(beside.totals.events.value, alone.totals.events.value)).toBeLessThan(0.001);
});

test("a small dump is read whole, and its counts are exact", async () => {
  const small = await makeDump(folder.join("small"), "small.jsonl", { lines: 2000 });
  const { counts } = await convertOk([small.path, "-o", folder.join("small-archive"), "--validate-signatures"]);
  const { totals, here } = await estimateOf([small.path, "--validate-signatures"]);
  expect(totals.isWhole).toBe(true);
  expect(totals.lines).toEqual({ value: counts.lines, plusMinus: 0 });
  expect(totals.events).toEqual({ value: counts.events, plusMinus: 0 });
  expect(totals.duplicates).toBeCloseTo(counts.duplicates, 6);
  expect(totals.reasons).toEqual(counts.rejected);
  expect(here.verifier).not.toBeNull();
  const kept = await estimateOf([small.path, "--kinds", "1", "--since", "2024-01-02"]);
  const some = await convertOk([small.path, "-o", folder.join("some"), "--kinds", "1", "--since", "2024-01-02"]);
  expect([kept.totals.events.value, kept.totals.filtered]).toEqual([
    some.counts.events,
    Object.values(some.counts.filtered).reduce((sum, n) => sum + n, 0),
  ]);
});

test("from a web server with and without ranges, and from S3: the same, and a dataset that says the same", async () => {
  const env = { ...s3.env, AWS_REGION: "us-east-1" };
  const local = await estimateOf([dump.path]);
  const ranged = await estimateOf([`${web.url}/${basename(dump.path)}`]);
  expect(ranged.totals.events).toEqual(local.totals.events);
  const stored = await estimateOf(["s3://dumps/dump.jsonl", "--endpoint-url", s3.url], env);
  expect(stored.totals.events).toEqual(local.totals.events);
  const whole = await estimateOf([`${web.url}/whole/${basename(dump.path)}`]);
  expect(whole.streams?.inputs).toBe(1);

  const path = folder.join("made.json");
  const args = ["s3://dumps/", "--endpoint-url", s3.url, "--region", "us-east-1", "--deadline-hours", "12"];
  const report = await estimateOf([...args, "--kinds", "0-3", "--dataset-file", path], env);
  const dataset = readDataset(path);
  expect(report.dataset).toEqual(JSON.parse(readFileSync(path, "utf8")));
  expect(dataset).toMatchObject({
    source: { urls: ["s3://dumps/"] },
    region: "us-east-1",
    deadlineHours: 12,
    purchase: "spot",
    convert: { validateSignatures: false, kinds: "0-3" },
  });
  const sizing = sizeOf(dataset);
  const { recommendation } = report;
  if (recommendation === null) throw new Error("no recommendation");
  const { offer, types } = recommendation;
  expect(sizing.instanceTypes).toEqual(types);
  expect(sizing.volumeGiB).toBe(report.volumeGiB);
  expect(sizing.expected?.hours).toBeCloseTo(offer.hours, 9);
  expect(sizing.expected?.cost).toBeCloseTo(offer.spot, 9);
  expect(describeSizing(sizing, dataset)).toContain(offer.type);
  // A dataset that is there is not written over.
  const again = await runCli(["estimate", ...args, "--dataset-file", path], undefined, env);
  expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining(path)]);
});

test("prices of one's own change the costs, and a person gets a table", async () => {
  const path = folder.join("prices.json");
  writeFileSync(path, JSON.stringify({ currency: "EUR", vcpuHour: { c7g: 100, c7i: 1000 } }));
  const { stdout, exitCode } = await runCli(["estimate", dump.path, "--prices", path, "--deadline-hours", "48"]);
  expect(exitCode).toBe(0);
  const lines = stdout.split("\n");
  const heading = lines.findIndex((line) => line.startsWith("instance"));
  expect(lines[heading]).toContain("spot EUR");
  const widths = lines.slice(heading, heading + 14).map((line) => line.search(/[│┼]/));
  expect(new Set(widths).size).toBe(1);
  expect(stdout).toMatch(/c7g\.large .*yes {2}← recommended/);
  expect(stdout).toContain("No dataset: the input");
  writeFileSync(path, '{"vcpuHour":{"c7g":-1}}');
  const wrong = await runCli(["estimate", dump.path, "--prices", path]);
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining("vcpuHour.c7g")]);
});

test("what cannot be estimated is refused with what to do", async () => {
  const refused = async (args: string[], text: string, code = 2) => {
    const { stdout, stderr, exitCode } = await runCli(["estimate", ...args]);
    expect([args, exitCode, stdout, stderr]).toEqual([args, code, "", expect.stringContaining(text)]);
  };
  writeFileSync(folder.join("empty.jsonl"), "");
  writeFileSync(folder.join("broken.gz"), Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(2000, 7)]));
  await refused(["-"], "save it to a file");
  await refused([folder.join("empty.jsonl")], "no whole line");
  await refused([folder.join("absent.jsonl")], "absent.jsonl");
  await refused([dump.path, "--kinds", "one"], "--kinds");
  await refused([dump.path, "--deadline-hours", "0"], "deadlineHours");
  await refused([dump.path, "--dataset-file", folder.join("local.json")], "must be an http:// or https://");
  await refused([folder.join("broken.gz")], "damaged", 1);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    // Without a length, since it is not known when the first bytes are sent.
    fetch: () =>
      new Response(
        new ReadableStream({
          pull: async (stream) => {
            await Bun.sleep(50);
            stream.enqueue("{}\n");
          },
        }),
      ),
  });
  try {
    await refused([`http://127.0.0.1:${server.port}/x`], "size");
  } finally {
    await server.stop(true);
  }
});
