import { afterAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { signedEvent } from "../events.ts";
import { gzipEvents, shuffled, writeElsewhere } from "../foreign.ts";
import { describeIndex, describeTags, readArchive, readDayFile } from "../run/archive.ts";
import { convertOk, digests, makeDump, readManifest, runCli, startCli, temporaryFolder } from "../run/cli.ts";

const folder = temporaryFolder();
const server = await startS3Server(folder.join("s3"));
afterAll(async () => {
  await server.stop();
  folder[Symbol.dispose]();
});
Object.assign(process.env, server.env);
process.env.XDG_CACHE_HOME = folder.join("cache");
server.createBucket("archives");
const ENDPOINT = ["--endpoint-url", server.url];

const dump = await makeDump(folder.path, "dump.jsonl", { lines: 5000, days: 12 });
const lines = readFileSync(dump.path, "utf8").trimEnd().split("\n");
// Both have some of the lines, and the second has days that the first lacks.
const timeOf = (line: string) => Number(/"created_at":\s*(\d+)/.exec(line)?.[1] ?? 0);
const inOrder = lines.toSorted((a, b) => timeOf(a) - timeOf(b));
writeFileSync(folder.join("a.jsonl"), `${inOrder.slice(0, 3500).join("\n")}\n`);
writeFileSync(folder.join("b.jsonl"), `${inOrder.slice(2000).join("\n")}\n`);
const [a, b, both] = ["a", "b", "both"].map((name) => folder.join(name));
await convertOk([folder.join("a.jsonl"), "-o", a, "--index-tags", "e"]);
await convertOk([folder.join("b.jsonl"), "-o", b, "--index-tags", "t"]);
await convertOk([folder.join("a.jsonl"), folder.join("b.jsonl"), "-o", both, "--index-tags", "e,t"]);

async function merge(...args: string[]) {
  const { exitCode, stdout, stderr } = await runCli(["merge", "--no-progress", "--json", ...args]);
  return { exitCode, stderr, summary: exitCode === 0 ? JSON.parse(stdout) : null };
}

async function mergeOk(...args: string[]) {
  const { exitCode, stderr, summary } = await merge(...args);
  expect([exitCode, stderr]).toEqual([0, ""]);
  return summary;
}

const days = (archive: string) => ({ ...digests(archive), "rejected.jsonl.gz": "" });
const rejects = (archive: string) => gunzipSync(readFileSync(join(archive, "rejected.jsonl.gz"))).toString();

function expectBoth(archive: string): void {
  expect(days(archive)).toEqual(days(both));
  expect(describeIndex(archive)).toEqual(describeIndex(both));
  expect(describeTags(archive)).toEqual(describeTags(both));
  expect(existsSync(join(archive, ".proton-beam"))).toBe(false);
}

/** The manifest says what is there. */
function expectTrueManifest(archive: string): void {
  const { files, events, days: count } = readManifest(archive);
  const read = readArchive(archive);
  expect([events, count]).toEqual([read.length, Object.keys(digests(archive)).length - 1]);
  for (const { path, size, sha256 } of files) {
    const bytes = readFileSync(join(archive, path));
    expect([path, bytes.length, new Bun.CryptoHasher("sha256").update(bytes).digest("hex")]).toEqual([
      path,
      size,
      sha256,
    ]);
  }
  const names = readdirSync(archive).filter((name) => name.endsWith(".gz") || name === "index.db");
  expect(files.map(({ path }) => path)).toEqual(names.sort());
}

test("two archives that share events become the archive of both dumps, in either order", async () => {
  for (const [name, order] of [
    ["ab", [a, b]],
    ["ba", [b, a]],
  ] as const) {
    const merged = folder.join(name);
    const summary = await mergeOk(...order, "-o", merged, "-j", name === "ab" ? "1" : "2");
    expectBoth(merged);
    expectTrueManifest(merged);
    const [one, two] = order.map(readManifest);
    expect(summary.duplicates).toBe(one.events + two.events - summary.archive.events);
    expect(summary.duplicates).toBeGreaterThan(1000);
    const { runs, indexTags } = readManifest(merged);
    expect([runs, indexTags]).toEqual([
      [...one.runs, ...two.runs],
      ["e", "t"],
    ]);
    expect(rejects(merged)).toBe(order.map(rejects).join(""));
  }
  const again = await convertOk([folder.join("a.jsonl"), folder.join("b.jsonl"), "-o", folder.join("ab")]);
  expect([again.skippedInputs, again.counts.lines]).toEqual([2, 0]);
}, 60_000);

test("three are merged at once or one after the other to the same", async () => {
  const events = readArchive(both);
  const other = folder.join("other");
  writeElsewhere(other, shuffled(events.slice(100, 900), "other"), 50);
  await mergeOk(a, b, other, "-o", folder.join("at-once"), "--index-tags", "e,t");
  await mergeOk(a, other, "-o", folder.join("first"), "--index-tags", "e,t");
  await mergeOk(folder.join("first"), b, "-o", folder.join("then"), "--index-tags", "e,t");
  for (const name of ["at-once", "then"]) {
    expectBoth(folder.join(name));
    expectTrueManifest(folder.join(name));
  }
}, 60_000);

describe("daily files of another tool", () => {
  const events = readArchive(both);

  test("unsorted and with duplicates become those that convert makes", async () => {
    const foreign = folder.join("foreign");
    writeElsewhere(foreign, shuffled([...events, ...events.slice(0, 500)], "foreign"));
    const summary = await mergeOk(foreign, "-o", folder.join("from-foreign"), "--index-tags", "e,t");
    expect(summary.duplicates).toBe(500);
    expectBoth(folder.join("from-foreign"));
    expectTrueManifest(folder.join("from-foreign"));
    expect(readManifest(folder.join("from-foreign")).runs).toEqual([]);
    // With an index of its own it is still not taken for sorted.
    expect((await runCli(["index", "rebuild", foreign])).exitCode).toBe(0);
    await mergeOk(foreign, "-o", folder.join("from-indexed"), "--index-tags", "e,t");
    expectBoth(folder.join("from-indexed"));
  }, 60_000);

  test("one that got into an archive of ours is noticed and sorted; convert refuses to add to it", async () => {
    const mixed = folder.join("mixed");
    cpSync(both, mixed, { recursive: true });
    const [name] = readdirSync(mixed).filter((file) => file.endsWith(".pb.gz"));
    writeFileSync(join(mixed, name), gzipEvents(shuffled(readDayFile(join(mixed, name)), "mixed"), 40));
    expect((await runCli(["index", "rebuild", mixed])).exitCode).toBe(0);
    await mergeOk(mixed, "-o", folder.join("from-mixed"));
    expectBoth(folder.join("from-mixed"));
    const { exitCode, stderr } = await runCli(["convert", dump.path, "-o", mixed]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("is not sorted by created_at and id")]);
  }, 60_000);

  test("their signatures are not held to what the conversions of the others checked", async () => {
    const [valid, forged] = [folder.join("valid"), folder.join("forged")];
    await convertOk([folder.join("a.jsonl"), "-o", valid, "--validate-signatures"]);
    writeElsewhere(forged, [{ ...signedEvent(), sig: "0".repeat(128) }]);
    const merged = folder.join("with-forged");
    await mergeOk(valid, forged, "-o", merged);
    expect(readManifest(merged).foreign).toBe(true);
    expect(readManifest(valid).foreign).toBe(false);
    const { exitCode, stdout } = await runCli(["verify", merged, "--json", "--no-progress"]);
    expect([exitCode, JSON.parse(stdout).problems]).toEqual([0, []]);
    expect(stdout).toContain("signature");
  }, 60_000);

  test("an event of another day is named", async () => {
    const wrong = folder.join("wrong-day");
    const event = signedEvent();
    mkdirSync(wrong);
    writeFileSync(join(wrong, "2023_11_15.pb.gz"), gzipEvents([event]));
    const { exitCode, stderr } = await merge(wrong, "-o", folder.join("from-wrong"));
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining(`the event ${event.id} is among those of 2023_11_15`),
    ]);
  });
});

describe("stopped with kill -9", () => {
  const kill = async (name: string, from: string[], args: string[]) => {
    const work = folder.join(name, ".proton-beam/days");
    const child = startCli(["merge", ...from, "-o", folder.join(name), "-j", "1", "--no-progress", ...args]);
    const rows = () => (existsSync(work) ? readdirSync(work).filter((file) => file.endsWith(".rows")).length : 0);
    while (child.exitCode === null && rows() < 3) await Bun.sleep(1);
    child.kill("SIGKILL");
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
  };

  test("the same command goes on", async () => {
    await kill("killed", [a, b], []);
    expect(existsSync(folder.join("killed/manifest.json"))).toBe(false);
    expect((await mergeOk(a, b, "-o", folder.join("killed"))).reused).toBeGreaterThanOrEqual(2);
    expectBoth(folder.join("killed"));
    expectTrueManifest(folder.join("killed"));
  }, 60_000);

  test("other archives, options, or an archive that was changed are refused, and so is convert", async () => {
    const changing = folder.join("changing");
    cpSync(a, changing, { recursive: true });
    await kill("half", [changing, b], []);
    const to = ["-o", folder.join("half")];
    expect((await merge(b, changing, ...to)).stderr).toContain(
      "holds an unfinished run that differs from this one: archives",
    );
    expect((await merge(changing, b, ...to, "--index-tags", "d")).stderr).toContain("--index-tags e,t became d");
    const other = await runCli(["convert", dump.path, ...to]);
    expect([other.exitCode, other.stderr]).toEqual([1, expect.stringContaining("holds an unfinished run")]);
    await convertOk([folder.join("b.jsonl"), "-o", changing]);
    const { exitCode, stderr } = await merge(changing, b, ...to);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`the archive ${changing} was changed in between`)]);
  }, 60_000);
});

describe("refuses", () => {
  test("a place that holds an archive, one without daily files, and one that is not as its manifest says", async () => {
    const taken = await merge(a, b, "-o", both);
    expect([taken.exitCode, taken.stderr]).toEqual([2, expect.stringContaining("choose an empty place")]);
    expect((await merge(folder.join("nowhere"), "-o", folder.join("x"))).exitCode).toBe(2);
    mkdirSync(folder.join("nothing"));
    expect((await merge(folder.join("nothing"), "-o", folder.join("x"))).stderr).toContain("no daily files");
    const lacking = folder.join("lacking");
    cpSync(a, lacking, { recursive: true });
    const [name] = readdirSync(lacking).filter((file) => file.endsWith(".pb.gz"));
    appendFileSync(join(lacking, name), "x");
    expect((await merge(lacking, "-o", folder.join("x"))).stderr).toContain(
      `${name} is not there as the manifest says`,
    );
    expect((await merge("-o", folder.join("x"))).exitCode).toBe(2);
    expect(readdirSync(folder.join("x"))).toEqual(["proton-beam.log"]);
  }, 60_000);

  test("a damaged file, and says which", async () => {
    const damaged = folder.join("damaged");
    cpSync(a, damaged, { recursive: true });
    const [name] = readdirSync(damaged).filter((file) => file.endsWith(".pb.gz"));
    const bytes = readFileSync(join(damaged, name));
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(join(damaged, name), bytes);
    const { exitCode, stderr } = await merge(damaged, b, "-o", folder.join("from-damaged"));
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(join(damaged, name))]);
    expect(existsSync(folder.join("from-damaged/manifest.json"))).toBe(false);
  }, 60_000);
});

test("archives in S3 are merged, to this disk and to S3, and so is one of each kind", async () => {
  for (const [name, path] of [
    ["a", a],
    ["b", b],
  ])
    cpSync(path, server.path("archives", name), { recursive: true });
  rmSync(server.path("archives", "b", "index.db"));
  const here = folder.join("from-s3");
  await mergeOk("s3://archives/a", "s3://archives/b", "-o", here, ...ENDPOINT);
  expectBoth(here);
  expectTrueManifest(here);
  const work = folder.join("s3-work");
  await mergeOk(a, "s3://archives/b", "-o", work, "--s3-output", "s3://archives/ab", ...ENDPOINT);
  expectBoth(server.path("archives", "ab"));
  expectTrueManifest(server.path("archives", "ab"));
  expect(existsSync(join(work, ".proton-beam"))).toBe(false);
}, 60_000);
