import { describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { totalOf } from "../../cli/segment/counts.ts";
import { describeIndex, readArchive } from "./archive.ts";
import { convertOk, type Dump, digests, makeDump, readManifest, runCli, temporaryFolder } from "./cli.ts";

const SAMPLE = join(import.meta.dir, "../../../shared/data/sample_events.jsonl");
const hasSample = existsSync(SAMPLE);
if (!hasSample) console.warn("skipped: the sample of real events is not beside this checkout");

/** Small chunks, so that small inputs have many. */
const SMALL_CHUNKS = ["--chunk-bytes", "300000"];

function sumOfDays(days: Record<string, number>): number {
  return totalOf(days);
}

describe("what comes out", () => {
  test.skipIf(!hasSample)("every real event comes back field for field", async () => {
    using folder = temporaryFolder();
    const summary = await convertOk([SAMPLE, "-o", folder.join("out"), "--validate-signatures"]);
    expect(summary.counts).toMatchObject({ lines: 150, events: 150, duplicates: 0, rejected: {}, filtered: {} });
    const byId = new Map(readArchive(folder.join("out")).map((event) => [event.id, event]));
    for (const line of readFileSync(SAMPLE, "utf8").trim().split("\n")) {
      const event = JSON.parse(line);
      expect(byId.get(event.id)).toEqual(event);
    }
  });

  test("counts are those the generator wrote, in the summary, the manifest and the log", async () => {
    using folder = temporaryFolder();
    const { path, expected } = await makeDump(folder.path, "dump.jsonl", { lines: 5000 });
    const out = folder.join("out");
    const summary = await convertOk([path, "-o", out, "--validate-signatures", ...SMALL_CHUNKS]);
    expect(summary.counts).toEqual({
      bytes: expected.bytes,
      lines: expected.lines,
      blank: expected.blank,
      events: sumOfDays(expected.days),
      duplicates: expected.duplicates,
      rejected: expected.rejected,
      filtered: {},
    });
    const manifest = readManifest(out);
    expect(manifest.runs[0].counts).toEqual(summary.counts);
    expect(manifest.events).toBe(summary.counts.events);
    const log = readFileSync(join(out, "proton-beam.log"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(log.find((record) => record.msg === "conversion complete").counts).toEqual(summary.counts);

    const perDay: Record<string, number> = {};
    for (const event of readArchive(out)) {
      const day = new Date(event.created_at * 1000).toISOString().slice(0, 10).replaceAll("-", "_");
      perDay[day] = (perDay[day] ?? 0) + 1;
    }
    expect(perDay).toEqual(expected.days);

    const rejected = gunzipSync(readFileSync(join(out, "rejected.jsonl.gz")))
      .toString()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rejected).toHaveLength(totalOf(expected.rejected));
    const dump = readFileSync(path);
    for (const { source, offset, line, line_base64 } of rejected) {
      expect(source).toBe(path);
      const bytes = line === undefined ? Buffer.from(line_base64, "base64") : Buffer.from(line);
      expect(dump.subarray(offset, offset + bytes.length).equals(bytes)).toBe(true);
    }
    for (const { path: name, size, sha256 } of manifest.files) {
      const bytes = readFileSync(join(out, name));
      expect(bytes.length).toBe(size);
      expect(new Bun.CryptoHasher("sha256").update(bytes).digest("hex")).toBe(sha256);
    }
  });

  test("without --validate-signatures a bad signature is kept, and the summary says it was not checked", async () => {
    using folder = temporaryFolder();
    const { path, expected } = await makeDump(folder.path, "dump.jsonl", { lines: 3000, invalid: 0.3 });
    const summary = await convertOk([path, "-o", folder.join("out")]);
    expect(summary.signatures).toBeNull();
    expect(summary.counts.events).toBe(sumOfDays(expected.days) + sumOfDays(expected.badSignatureDays));
    expect(summary.counts.rejected["signature-mismatch"]).toBeUndefined();
    const { stdout } = await runCli(["convert", path, "-o", folder.join("other"), "--no-progress"]);
    expect(stdout).toContain("not checked");
  });

  test("every index row leads to its event", async () => {
    using folder = temporaryFolder();
    const { path } = await makeDump(folder.path, "dump.jsonl", { lines: 4000, days: 2 });
    const out = folder.join("out");
    await convertOk([path, "-o", out]);
    const events = new Map(readArchive(out).map((event) => [event.id, event]));
    const rows = describeIndex(out);
    expect(rows).toHaveLength(events.size);
    for (const row of rows) {
      const [id, pubkey, createdAt, kind] = row.split(" ");
      expect(events.get(id.toLowerCase())).toMatchObject({
        pubkey: pubkey.toLowerCase(),
        created_at: Number(createdAt),
        kind: Number(kind),
      });
    }
  });

  test("filters count what they leave out", async () => {
    using folder = temporaryFolder();
    const { path, expected } = await makeDump(folder.path, "dump.jsonl", { invalid: 0 });
    const options = ["--kinds", "1,6-7", "--since", "2024-01-02", "--until", "2024-01-03T23:59:59"];
    const { counts } = await convertOk([path, "-o", folder.join("out"), ...options]);
    const events = readArchive(folder.join("out"));
    expect(events.length).toBe(counts.events);
    expect(events.length).toBeGreaterThan(0);
    for (const { kind, created_at } of events) {
      expect([1, 6, 7]).toContain(kind);
      expect(new Date(created_at * 1000).toISOString()).toMatch(/^2024-01-0[23]/);
    }
    expect(Object.keys(counts.filtered).sort()).toEqual(["kinds", "since", "until"]);
    expect(counts.events + counts.duplicates + totalOf(counts.filtered)).toBe(expected.lines);
  });

  test("a byte order mark, CRLF, blank lines and a missing last newline are no matter", async () => {
    using folder = temporaryFolder();
    const { path } = await makeDump(folder.path, "dump.jsonl", { lines: 50, invalid: 0, duplicates: 0 });
    const lines = readFileSync(path, "utf8")
      .trim()
      .split(/\r?\n/)
      .filter((line) => line.trim() !== "");
    writeFileSync(folder.join("odd.jsonl"), `\ufeff${lines.join("\r\n\r\n \t\n")}`);
    const { counts } = await convertOk([folder.join("odd.jsonl"), "-o", folder.join("out")]);
    expect(counts).toMatchObject({ lines: 50, events: 50, rejected: {} });
    expect(counts.blank).toBe(98);
  });

  test("a line of 20 MiB is converted, one over the limit is rejected with its place", async () => {
    using folder = temporaryFolder();
    const { finalizeEvent } = await import("nostr-tools/pure");
    const make = (content: string) =>
      JSON.stringify(
        finalizeEvent({ kind: 1, created_at: 1_700_000_000, tags: [], content }, new Uint8Array(32).fill(7)),
      );
    const small = make("before");
    const huge = make("é\n".repeat(7 * 1024 ** 2));
    const over = make("x".repeat(2000));
    writeFileSync(folder.join("big.jsonl"), `${small}\n${huge}\n`);
    const big = await convertOk([folder.join("big.jsonl"), "-o", folder.join("big")]);
    expect(big.counts.events).toBe(2);
    expect(readArchive(folder.join("big")).some((event) => event.content.length === 14 * 1024 ** 2)).toBe(true);

    writeFileSync(folder.join("limit.jsonl"), `${small}\n${over}\n${small}`);
    const limited = await convertOk([
      folder.join("limit.jsonl"),
      "-o",
      folder.join("limit"),
      "--max-line-bytes",
      "2000",
    ]);
    expect(limited.counts).toMatchObject({ lines: 3, events: 1, duplicates: 1, rejected: { "line-too-long": 1 } });
    const record = JSON.parse(gunzipSync(readFileSync(folder.join("limit/rejected.jsonl.gz"))).toString());
    expect(record).toMatchObject({ offset: small.length + 1, reason: "line-too-long", truncated: true });
    expect(over.startsWith(record.line)).toBe(true);
  });

  test("an empty input gives an empty archive", async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.join("empty.jsonl"), "");
    const { counts, archive } = await convertOk([folder.join("empty.jsonl"), "-o", folder.join("out")]);
    expect(counts.lines).toBe(0);
    expect(archive).toMatchObject({ events: 0, days: 0 });
  });
});

describe("the same bytes", () => {
  test("for 1, 2 and 7 workers, from a file and from a pipe", async () => {
    using folder = temporaryFolder();
    const { path, expected } = await makeDump(folder.path, "dump.jsonl", { lines: 4000 });
    const archives = [];
    for (const workers of ["1", "2", "7"]) {
      const out = folder.join(`out-${workers}`);
      await convertOk([path, "-o", out, "-j", workers, ...SMALL_CHUNKS]);
      archives.push({ files: digests(out), index: describeIndex(out) });
    }
    expect(archives[1]).toEqual(archives[0]);
    expect(archives[2]).toEqual(archives[0]);

    const piped = await convertOk(["-", "-o", folder.join("piped"), ...SMALL_CHUNKS], Bun.file(path));
    expect(piped.counts.events).toBe(sumOfDays(expected.days) + sumOfDays(expected.badSignatureDays));
    const { "rejected.jsonl.gz": _, ...daily } = digests(folder.join("piped"));
    expect(archives[0].files).toMatchObject(daily);
    expect(describeIndex(folder.join("piped"))).toEqual(archives[0].index);
  }, 60_000);

  test("for any chunk size", async () => {
    using folder = temporaryFolder();
    const { path } = await makeDump(folder.path, "dump.jsonl", { lines: 1500 });
    await convertOk([path, "-o", folder.join("one")]);
    await convertOk([path, "-o", folder.join("many"), "--chunk-bytes", "7777"]);
    const { "rejected.jsonl.gz": _one, ...one } = digests(folder.join("one"));
    const { "rejected.jsonl.gz": _many, ...many } = digests(folder.join("many"));
    expect(many).toEqual(one);
    expect(describeIndex(folder.join("many"))).toEqual(describeIndex(folder.join("one")));
  });
});

describe("adding to an archive", () => {
  async function twoDumps(folder: string): Promise<[Dump, Dump]> {
    return [
      await makeDump(folder, "a.jsonl", { seed: "x", lines: 3000, days: 4 }),
      await makeDump(folder, "b.jsonl", { seed: "y", lines: 2000, days: 6 }),
    ];
  }

  test("one after the other is the same as both at once", async () => {
    using folder = temporaryFolder();
    const [a, b] = await twoDumps(folder.path);
    // Events of a again in b: they must be found to be in the archive.
    appendFileSync(b.path, readFileSync(a.path).subarray(0, 500_000));
    await convertOk([a.path, b.path, "-o", folder.join("once")]);
    const first = await convertOk([a.path, "-o", folder.join("steps")]);
    const second = await convertOk([b.path, "-o", folder.join("steps")]);
    expect(second.counts.duplicates).toBeGreaterThan(b.expected.duplicates + 200);
    expect(second.archive.events).toBe(first.counts.events + second.counts.events);
    const once = digests(folder.join("once"));
    const steps = digests(folder.join("steps"));
    for (const name of Object.keys(once))
      if (name.endsWith(".pb.gz")) expect([name, steps[name]]).toEqual([name, once[name]]);
    expect(describeIndex(folder.join("steps"))).toEqual(describeIndex(folder.join("once")));
    const lines = (archive: string) => gunzipSync(readFileSync(join(archive, "rejected.jsonl.gz"))).toString();
    expect(lines(folder.join("steps"))).toBe(lines(folder.join("once")));
    expect(readManifest(folder.join("steps")).runs).toHaveLength(2);
  }, 30_000);

  test("inputs that are in the archive are not read again", async () => {
    using folder = temporaryFolder();
    const [a, b] = await twoDumps(folder.path);
    await convertOk([a.path, "-o", folder.join("out")]);
    const before = digests(folder.join("out"));
    const again = await convertOk([a.path, "-o", folder.join("out")]);
    expect(again).toMatchObject({ skippedInputs: 1, counts: { lines: 0 } });
    expect(digests(folder.join("out"))).toEqual(before);
    const both = await convertOk([a.path, b.path, "-o", folder.join("out")]);
    expect(both.skippedInputs).toBe(1);
    expect(both.counts.lines).toBe(b.expected.lines);
  });

  test("an input that changed is read again and adds what is new", async () => {
    using folder = temporaryFolder();
    const [a] = await twoDumps(folder.path);
    const whole = readFileSync(a.path);
    writeFileSync(a.path, whole.subarray(0, whole.length / 2));
    const first = await convertOk([a.path, "-o", folder.join("grown")]);
    writeFileSync(a.path, whole);
    utimesSync(a.path, new Date(), new Date(statSync(a.path).mtimeMs + 5000));
    const second = await convertOk([a.path, "-o", folder.join("grown")]);
    expect(second.skippedInputs).toBe(0);
    expect(first.counts.events + second.counts.events).toBe(
      sumOfDays(a.expected.days) + sumOfDays(a.expected.badSignatureDays),
    );
  });

  test("a damaged file of the archive is named with the byte, and nothing is changed", async () => {
    using folder = temporaryFolder();
    const [a, b] = await twoDumps(folder.path);
    const out = folder.join("out");
    await convertOk([a.path, "-o", out]);
    const day = join(out, "2024_01_02.pb.gz");
    const bytes = readFileSync(day);
    bytes[5000] ^= 1;
    writeFileSync(day, bytes);
    const before = digests(out);
    const { exitCode, stderr } = await runCli(["convert", b.path, "-o", out]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${day} is damaged in the gzip member at byte 0`);
    expect(digests(out)).toEqual(before);
    expect(readManifest(out).runs).toHaveLength(1);

    bytes[5000] ^= 1;
    writeFileSync(day, bytes);
    expect((await convertOk([b.path, "-o", out])).reused.segments).toBeGreaterThan(0);
  });

  test("an archive without its manifest is not touched", async () => {
    using folder = temporaryFolder();
    const [a] = await twoDumps(folder.path);
    writeFileSync(folder.join("2024_01_01.pb.gz"), "someone else's");
    const { exitCode, stderr } = await runCli(["convert", a.path, "-o", folder.path]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("2024_01_01.pb.gz but no manifest.json");
    expect(existsSync(folder.join(".proton-beam"))).toBe(false);
  });
});

describe("usage", () => {
  test.each([
    [["convert", "no-such-file.jsonl", "-o", "x"], "no-such-file.jsonl"],
    [["convert", "-o", "x"], "Name an input"],
    [["convert", "a.jsonl"], "output-dir"],
    [["convert", "a.jsonl", "-o", "x", "--kinds", "abc"], "no kind"],
    [["convert", "a.jsonl", "-o", "x", "--since", "yesterday"], "no time"],
    [["convert", "a.jsonl", "-o", "x", "--compression-level", "13"], "compressionLevel"],
    [["convert", "a.jsonl", "-o", "x", "--parallel", "0"], "parallel"],
    [["convert", "a.jsonl", "-o", "x", "--no-such-option"], "Unknown argument"],
    [["explode"], "Unknown"],
    [[], "Name a command"],
  ])("%j is refused with exit code 2", async (args, message) => {
    const { exitCode, stderr } = await runCli(args);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
  });
});
