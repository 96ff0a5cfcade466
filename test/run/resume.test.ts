import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import type { ConvertSummary } from "../../cli/run/convert.ts";
import type { Manifest } from "../../cli/run/manifest.ts";
import { addCounts } from "../../cli/segment/counts.ts";
import { createRandom } from "../../scripts/generator/random.ts";
import { peakMemory } from "../../scripts/peak-memory.ts";
import { signedEvent } from "../events.ts";
import { describeIndex } from "./archive.ts";
import { convertOk, type Dump, digests, makeDump, readManifest, runCli, startCli, temporaryFolder } from "./cli.ts";

const KILLS = Number(process.env.PROTON_BEAM_TEST_KILLS ?? 8);
const CHUNKS = ["--chunk-bytes", "200000"];

const folder = temporaryFolder();
const smallDisk = folder.join("small-disk");
afterAll(() => {
  Bun.spawnSync(["umount", smallDisk]);
  folder[Symbol.dispose]();
});
const dump = await makeDump(folder.path, "dump.jsonl", { lines: 6000, days: 6 });
const undisturbed = folder.join("undisturbed");
await convertOk([dump.path, "-o", undisturbed, ...CHUNKS]);
const wanted = { files: digests(undisturbed), index: describeIndex(undisturbed) };

function expectUndisturbed(archive: string): void {
  expect(digests(archive)).toEqual(wanted.files);
  expect(describeIndex(archive)).toEqual(wanted.index);
  expect(existsSync(join(archive, ".proton-beam"))).toBe(false);
}

function segmentsOf(archive: string): string[] {
  const segments = join(archive, ".proton-beam/segments");
  return existsSync(segments)
    ? readdirSync(segments)
        .filter((name) => name.endsWith(".seg"))
        .sort()
    : [];
}

/** Starts a conversion and stops it once so many segments are committed; false when it was done before. */
async function stopAfter(archive: string, segments: number, signal: NodeJS.Signals): Promise<number> {
  const child = startCli(["convert", dump.path, "-o", archive, "-j", "2", ...CHUNKS]);
  while (child.exitCode === null && segmentsOf(archive).length < segments) await Bun.sleep(2);
  child.kill(signal);
  return child.exited;
}

describe("kill -9", () => {
  test(`at ${KILLS} random moments, then the same command: the same bytes`, async () => {
    const archive = folder.join("killed");
    const random = createRandom("kill");
    for (let i = 0; i < KILLS; i++) {
      const child = startCli(["convert", dump.path, "-o", archive, "-j", String(random.int(1, 3)), ...CHUNKS]);
      await Bun.sleep(random.int(60, 1200));
      child.kill("SIGKILL");
      await child.exited;
    }
    await convertOk([dump.path, "-o", archive, ...CHUNKS]);
    expectUndisturbed(archive);
  }, 300_000);

  test("only what is missing is done again, and the summary says what was reused", async () => {
    const archive = folder.join("partly");
    await stopAfter(archive, 5, "SIGKILL");
    const ready = segmentsOf(archive);
    const first = join(archive, ".proton-beam/segments", ready[0]);
    const { ino } = statSync(first);
    const child = startCli(["convert", dump.path, "-o", archive, "-j", "1", ...CHUNKS]);
    while (child.exitCode === null && segmentsOf(archive).length < ready.length + 2) await Bun.sleep(2);
    expect(statSync(first).ino).toBe(ino);
    child.kill("SIGKILL");
    await child.exited;
    const { reused } = await convertOk([dump.path, "-o", archive, ...CHUNKS]);
    expect(reused.segments).toBeGreaterThanOrEqual(ready.length + 2);
    expectUndisturbed(archive);
  }, 60_000);

  test("a damaged or truncated segment is made anew", async () => {
    const archive = folder.join("damaged");
    await stopAfter(archive, 6, "SIGKILL");
    const [a, b, c] = segmentsOf(archive).map((name) => join(archive, ".proton-beam/segments", name));
    const bytes = readFileSync(a);
    bytes[1000] ^= 1;
    writeFileSync(a, bytes);
    truncateSync(b, 5000);
    rmSync(c);
    const { reused } = await convertOk([dump.path, "-o", archive, ...CHUNKS]);
    expect(reused.segments).toBeGreaterThan(0);
    expectUndisturbed(archive);
  }, 60_000);

  test("while an archive is added to, then the same command: the same as undisturbed", async () => {
    const more = await makeDump(folder.path, "more.jsonl", { lines: 4000, days: 8 });
    const calm = folder.join("calm");
    const killed = folder.join("added");
    for (const archive of [calm, killed]) await convertOk([dump.path, "-o", archive, ...CHUNKS]);
    await convertOk([more.path, "-o", calm, ...CHUNKS]);
    const random = createRandom("append");
    for (let i = 0; i < KILLS; i++) {
      const child = startCli(["convert", more.path, "-o", killed, ...CHUNKS]);
      await Bun.sleep(random.int(100, 1300));
      child.kill("SIGKILL");
      await child.exited;
    }
    await convertOk([more.path, "-o", killed, ...CHUNKS]);
    expect(digests(killed)).toEqual(digests(calm));
    expect(describeIndex(killed)).toEqual(describeIndex(calm));
    const manifests = [calm, killed].map((archive) => JSON.parse(readFileSync(join(archive, "manifest.json"), "utf8")));
    expect(manifests[1].runs.map((run: { counts: unknown }) => run.counts)).toEqual(
      manifests[0].runs.map((run: { counts: unknown }) => run.counts),
    );
  }, 300_000);
});

describe("an interruption", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s stops with exit code 75, and the same command goes on",
    async (signal) => {
      const archive = folder.join(signal);
      expect(await stopAfter(archive, 3, signal)).toBe(75);
      const { reused } = await convertOk([dump.path, "-o", archive, ...CHUNKS]);
      expect(reused.segments).toBeGreaterThanOrEqual(3);
      expectUndisturbed(archive);
    },
    60_000,
  );

  test("a pipe that stays silent does not keep the program from stopping", async () => {
    const archive = folder.join("silent");
    const silent = new ReadableStream({
      start: (controller) => controller.enqueue(readFileSync(dump.path).subarray(0, 900_000)),
    });
    const child = startCli(["convert", "-", "-o", archive, ...CHUNKS], silent);
    while (child.exitCode === null && segmentsOf(archive).length < 3) await Bun.sleep(5);
    child.kill("SIGINT");
    expect(await child.exited).toBe(75);
  }, 30_000);
});

describe("an unfinished run", () => {
  test("of other options or inputs is refused, with what differs", async () => {
    const archive = folder.join("refused");
    await stopAfter(archive, 3, "SIGKILL");
    const other = await runCli(["convert", dump.path, "-o", archive, "--compression-level", "1", ...CHUNKS]);
    expect(other.exitCode).toBe(1);
    expect(other.stderr).toContain("compressionLevel: 6 became 1");
    const chunks = await runCli(["convert", dump.path, "-o", archive, "--chunk-bytes", "100000"]);
    expect(chunks.stderr).toContain("chunkBytes");
    const input = await runCli(["convert", `${dump.path}.expected.json`, "-o", archive, ...CHUNKS]);
    expect(input.stderr).toContain("inputs");
    expect(segmentsOf(archive).length).toBeGreaterThanOrEqual(3);
    await convertOk([dump.path, "-o", archive, ...CHUNKS]);
    expectUndisturbed(archive);
  }, 60_000);

  test("that committed nothing may be followed by another", async () => {
    const archive = folder.join("nothing");
    const idle = startCli(["convert", "-", "-o", archive], new ReadableStream({}));
    while (!existsSync(join(archive, ".proton-beam/plan.json"))) await Bun.sleep(5);
    idle.kill("SIGKILL");
    await idle.exited;
    await convertOk([dump.path, "-o", archive, ...CHUNKS]);
    expectUndisturbed(archive);
  }, 30_000);

  test("of a pipe goes on with the same bytes, and refuses others", async () => {
    const archive = folder.join("pipe");
    const bytes = readFileSync(dump.path);
    const child = startCli(["convert", "-", "-o", archive, ...CHUNKS], Bun.file(dump.path));
    // The first chunk, which is to be changed, may be later than others.
    const isReady = (ready: string[]) => ready.length >= 5 && ready[0] === "00000000.seg";
    while (child.exitCode === null && !isReady(segmentsOf(archive))) await Bun.sleep(2);
    child.kill("SIGKILL");
    await child.exited;

    const changed = Buffer.from(bytes);
    changed[100] ^= 1;
    const refused = await runCli(["convert", "-", "-o", archive, ...CHUNKS], new Blob([changed]));
    expect(refused.stderr).toContain("standard input differs");
    expect(refused.exitCode).toBe(1);
    const short = await runCli(["convert", "-", "-o", archive, ...CHUNKS], new Blob([bytes.subarray(0, 200_000)]));
    expect(short.exitCode).toBe(1);

    const grown = await runCli(["convert", "-", dump.path, "-o", archive, ...CHUNKS], new Blob([bytes]));
    expect([grown.exitCode, grown.stderr]).toEqual([1, expect.stringContaining('inputs ["-"] became')]);
    const { reused } = await convertOk(["-", "-o", archive, ...CHUNKS], new Blob([bytes]));
    expect(reused.segments).toBeGreaterThanOrEqual(5);
    expect(describeIndex(archive)).toEqual(wanted.index);
  }, 60_000);

  test("in the same directory keeps a second program out", async () => {
    const archive = folder.join("locked");
    const first = startCli(["convert", "-", "-o", archive], new ReadableStream({}));
    while (!existsSync(join(archive, ".proton-beam/plan.json"))) await Bun.sleep(5);
    const second = await runCli(["convert", dump.path, "-o", archive]);
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain("another proton-beam is at work");
    expect(existsSync(join(archive, ".proton-beam/plan.json"))).toBe(true);
    first.kill("SIGKILL");
    await first.exited;
  }, 30_000);
});

describe("an input", () => {
  test("that changes in the middle is an error, and nothing is published", async () => {
    const archive = folder.join("changing");
    const path = folder.join("changing.jsonl");
    copyFileSync(dump.path, path);
    const child = startCli(["convert", path, "-o", archive, "-j", "1", ...CHUNKS]);
    while (child.exitCode === null && segmentsOf(archive).length < 3) await Bun.sleep(2);
    appendFileSync(path, "{}\n");
    expect(await child.exited).toBe(1);
    expect(await new Response(child.stderr).text()).toContain(`${path} changed while it was converted`);
    expect(readdirSync(archive).sort()).toEqual([".proton-beam", "proton-beam.log"]);
  }, 30_000);
});

describe("a directory that has grown since a run over it was stopped", () => {
  /** Sorts before what the unfinished run reads. */
  const LATER = "a.jsonl";
  const folderOf = (name: string) => folder.join(name, "dumps");
  const archiveOf = (name: string) => folder.join(name, "archive");
  const args = (name: string) => [folderOf(name), "-o", archiveOf(name), "-j", "2", ...CHUNKS];
  const add = (name: string) => copyFileSync(later.path, join(folderOf(name), LATER));
  const planOf = (name: string) => readFileSync(join(archiveOf(name), ".proton-beam/plan.json"), "utf8");
  const logOf = (name: string) => readFileSync(join(archiveOf(name), "proton-beam.log"), "utf8");
  const FINISHES_FIRST = '"inputs":2,"left":1';

  /** Two dumps of which a killed run left some segments. */
  async function makeUnfinished(name: string): Promise<void> {
    makeDumps(name);
    const child = startCli(["convert", ...args(name)]);
    while (child.exitCode === null && segmentsOf(archiveOf(name)).length < 3) await Bun.sleep(2);
    child.kill("SIGKILL");
    await child.exited;
    expect(JSON.parse(planOf(name)).inputs).toHaveLength(2);
  }
  function makeDumps(name: string): void {
    mkdirSync(folderOf(name), { recursive: true });
    copyFileSync(dump.path, join(folderOf(name), "b.jsonl"));
    copyFileSync(other.path, join(folderOf(name), "c.jsonl"));
  }

  let later: Dump;
  let other: Dump;
  let atOnce: ConvertSummary;
  beforeAll(async () => {
    later = await makeDump(folder.path, "later.jsonl", { lines: 4000, days: 8 });
    other = await makeDump(folder.path, "other.jsonl", { lines: 2000, days: 4 });
    makeDumps("calm");
    await convertOk(args("calm"));
    add("calm");
    await convertOk(args("calm"));
    makeDumps("at-once");
    add("at-once");
    atOnce = await convertOk(args("at-once"));
  }, 60_000);

  const daysOf = (archive: string) => Object.entries(digests(archive)).filter(([path]) => path.endsWith(".pb.gz"));
  const withoutPaths = ({ runs }: Manifest) =>
    runs.map(({ inputs, counts }) => [inputs.map(({ name }) => basename(name)), counts]);

  function expectBoth(name: string): void {
    const archive = archiveOf(name);
    expect(daysOf(archive)).toEqual(daysOf(archiveOf("at-once")));
    expect(describeIndex(archive)).toEqual(describeIndex(archiveOf("at-once")));
    const manifest = readManifest(archive);
    expect(withoutPaths(manifest)).toEqual(withoutPaths(readManifest(archiveOf("calm"))));
    expect(withoutPaths(manifest).map(([names]) => names)).toEqual([["b.jsonl", "c.jsonl"], [LATER]]);
    expect(manifest.runs.map(({ counts }) => counts).reduce(addCounts)).toEqual(atOnce.counts);
    expect(existsSync(join(archive, ".proton-beam"))).toBe(false);
  }

  test("grew: the run is finished first, then the rest is added, and the summary covers both", async () => {
    await makeUnfinished("grew");
    add("grew");
    const { counts, reused, archive, skippedInputs } = await convertOk(args("grew"));
    expect(reused.segments).toBeGreaterThanOrEqual(3);
    expect(counts).toEqual(atOnce.counts);
    expect([archive.events, archive.days, skippedInputs]).toEqual([atOnce.archive.events, atOnce.archive.days, 0]);
    expect(logOf("grew")).toContain(FINISHES_FIRST);
    expectBoth("grew");
    const again = await convertOk(args("grew"));
    expect([again.skippedInputs, again.counts.lines]).toEqual([3, 0]);
    expectBoth("grew");
  }, 60_000);

  test("grew: stopped in the second conversion, the same command converts the rest, and metrics count both", async () => {
    await makeUnfinished("twice");
    add("twice");
    const archive = archiveOf("twice");
    const metrics = ["--metrics-file", folder.join("twice.metrics")];
    const child = startCli(["convert", ...args("twice"), ...metrics]);
    const plan = Bun.file(join(archive, ".proton-beam/plan.json"));
    const isAdding = async () => (await plan.text().catch(() => "")).includes('"earlierRuns":1');
    while (child.exitCode === null && !((await isAdding()) && segmentsOf(archive).length > 1)) await Bun.sleep(1);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(75);
    expect(readManifest(archive).runs).toHaveLength(1);
    const { skippedInputs, counts, reused } = await convertOk([...args("twice"), ...metrics]);
    expect([skippedInputs, reused.segments > 0]).toEqual([2, true]);
    expect(counts).toEqual(readManifest(archive).runs[1].counts);
    expectBoth("twice");
    const records = readFileSync(folder.join("twice.metrics"), "utf8").trim().split("\n");
    const sumOf = (name: string) => records.reduce((sum, record) => sum + JSON.parse(record)[name], 0);
    expect(records.map((record) => JSON.parse(record).State)).toEqual(["interrupted", "complete"]);
    expect(sumOf("Events")).toBe(atOnce.counts.events);
  }, 60_000);

  test("grew: told to stop between the two, it leaves the second to the same command", async () => {
    await makeUnfinished("between");
    add("between");
    const archive = archiveOf("between");
    const child = startCli(["convert", ...args("between")]);
    while (child.exitCode === null && !existsSync(join(archive, "manifest.json"))) await Bun.sleep(1);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(75);
    await convertOk(args("between"));
    expectBoth("between");
  }, 60_000);

  test(`grew: killed at ${KILLS} random moments of both`, async () => {
    await makeUnfinished("killed-grown");
    add("killed-grown");
    const random = createRandom("grown");
    for (let i = 0; i < KILLS; i++) {
      const child = startCli(["convert", ...args("killed-grown")]);
      await Bun.sleep(random.int(200, 2000));
      child.kill("SIGKILL");
      await child.exited;
    }
    await convertOk(args("killed-grown"));
    expectBoth("killed-grown");
  }, 300_000);

  test("grew, but an input of the run changed or is gone, or an option is another: refused", async () => {
    await makeUnfinished("refused-grown");
    const plan = planOf("refused-grown");
    const path = join(folderOf("refused-grown"), "c.jsonl");
    const { atime, mtime } = statSync(path);
    const convert = (...more: string[]) => runCli(["convert", ...args("refused-grown"), ...more]);
    const refusal = (text: string) => ({ exitCode: 1, stderr: expect.stringContaining(text) });

    utimesSync(path, atime, new Date(0));
    expect(await convert()).toMatchObject(refusal(`the input ${path} has another size, ETag or modification time`));
    add("refused-grown");
    expect(await convert()).toMatchObject(refusal("holds an unfinished run that differs from this one: inputs ["));
    rmSync(path);
    expect(await convert()).toMatchObject(refusal("holds an unfinished run that differs from this one: inputs ["));
    copyFileSync(other.path, path);
    utimesSync(path, atime, mtime);
    expect(await convert("--compression-level", "1")).toMatchObject(refusal("inputs ["));
    expect(planOf("refused-grown")).toBe(plan);
    await convertOk(args("refused-grown"));
    expectBoth("refused-grown");
  }, 60_000);
});

describe("memory", () => {
  const peakOf = async (path: string, out: string, stdin: "ignore" | Blob = "ignore"): Promise<number> => {
    const child = startCli(["convert", path, "-o", out, "-j", "2", "--validate-signatures"], stdin);
    const peak = await peakMemory(child);
    expect(child.exitCode).toBe(0);
    expect(peak).toBeGreaterThan(50 * 1024 ** 2);
    return peak;
  };

  test("stays under 1 GiB with two workers and whole chunks", async () => {
    const large = await makeDump(folder.path, "large.jsonl", { lines: 140_000, days: 20 });
    expect(large.expected.bytes).toBeGreaterThan(3 * 64 * 1024 ** 2 * 0.9);
    expect(await peakOf(large.path, folder.join("large"))).toBeLessThan(1024 ** 3);
    expect(await peakOf("-", folder.join("large-pipe"), Bun.file(large.path))).toBeLessThan(1024 ** 3);
  }, 120_000);

  test("stays under 1 GiB with two workers and lines of tens of MiB", async () => {
    const path = folder.join("long.jsonl");
    for (let i = 0; i < 8; i++) {
      const content = (i % 2 === 0 ? 'é"\n' : "plain").repeat(5_000_000 + i);
      appendFileSync(path, `${JSON.stringify(signedEvent({ content }))}\n`);
    }
    expect(await peakOf(path, folder.join("long"))).toBeLessThan(1024 ** 3);
    expect(describeIndex(folder.join("long"))).toHaveLength(8);
  }, 60_000);
});

describe("a disk that is too small", () => {
  const mount = folder.join("small-disk");
  const mounted = Bun.spawnSync([
    "sh",
    "-c",
    `mkdir -p '${mount}' && mount -t tmpfs -o size=3m tmpfs '${mount}'`,
  ]).success;
  if (!mounted) console.warn("skipped: this user cannot mount a small file system");

  test.skipIf(!mounted)("is noticed before the start, with the figures", async () => {
    const { exitCode, stderr } = await runCli(["convert", dump.path, "-o", join(smallDisk, "out"), ...CHUNKS]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/needs about [\d.]+ MB .* only [\d.]+ MB are free/);
    expect(readdirSync(join(smallDisk, "out"))).toEqual(["proton-beam.log"]);
  });

  test.skipIf(!mounted)("without any room gives exit code 75, although the log cannot be written", async () => {
    const filler = join(smallDisk, "filler");
    const out = join(smallDisk, "out");
    rmSync(out, { recursive: true });
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${filler}`, "bs=4096"], { stderr: "ignore" });
    const { exitCode, stderr } = await runCli(["convert", "-", "-o", out, ...CHUNKS], Bun.file(dump.path));
    rmSync(filler);
    expect(stderr).toContain(`${join(out, "proton-beam.log")} cannot be written: ENOSPC`);
    expect(stderr).toContain(`the disk of ${out} is full`);
    expect(exitCode).toBe(75);
  });

  test.skipIf(!mounted)(
    "that fills up in the middle gives exit code 75, and more room lets the run go on",
    async () => {
      // The size of a pipe is not known, so it cannot be accounted for.
      const out = join(smallDisk, "out");
      const full = await runCli(["convert", "-", "-o", out, ...CHUNKS], Bun.file(dump.path));
      expect(full.stderr).toContain("is full");
      expect(full.exitCode).toBe(75);
      expect(segmentsOf(out).length).toBeGreaterThan(0);
      expect(Bun.spawnSync(["mount", "-o", "remount,size=60m", smallDisk]).success).toBe(true);
      const { reused } = await convertOk(["-", "-o", out, ...CHUNKS], Bun.file(dump.path));
      expect(reused.segments).toBeGreaterThan(0);
      expect(describeIndex(out)).toEqual(wanted.index);
    },
    30_000,
  );
});
