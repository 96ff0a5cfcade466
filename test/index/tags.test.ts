import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { encodeEvent } from "../../cli/event/encode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { scanEvent } from "../../cli/event/scan.ts";
import { createTagHasher, tagHash } from "../../cli/index/tags.ts";
import { anyEvent } from "../events.ts";
import { encodeElsewhere } from "../foreign.ts";
import { describeIndex, describeTags, readArchive } from "../run/archive.ts";
import { convertOk, digests, makeDump, readManifest, runCli, startCli, temporaryFolder } from "../run/cli.ts";

const TAGS = ["--index-tags", "e,p,t,d"];
const NAMES = ["d", "e", "p", "t"];

function hashesOf({ tags }: NostrEvent, names: string[]): number[] {
  const found = tags.flatMap(([name, value]) =>
    typeof name === "string" && names.includes(name) && typeof value === "string" ? [tagHash(name, value)] : [],
  );
  return [...new Set(found)].sort();
}

/** Fewer names than there are letters, so that they come up. */
const taggedEvent = fc
  .record({
    event: anyEvent,
    tags: fc.array(
      fc.tuple(
        fc.constantFrom<string | number>("e", "p", "t", "E", "ee", "", "é", 5),
        fc.oneof(
          fc.constantFrom<string | number | boolean | null>("", "a", 7, true, null),
          fc.string({ unit: "binary" }),
        ),
        fc.oneof(fc.constantFrom<string | number>("x", 1), fc.string()),
      ),
    ),
  })
  .map(({ event, tags }): NostrEvent => ({ ...event, tags: [...event.tags, ...tags, ["e"], []] }));

test("the tags of an encoded event are found without decoding it, strings only, each once", () => {
  const target = Buffer.alloc(4 * 1024 ** 2);
  const names = ["e", "p", "5"];
  const tagsOf = createTagHasher(names);
  fc.assert(
    fc.property(taggedEvent, (event) => {
      const end = encodeEvent(event, target, 3);
      expect(tagsOf(target, 3, end).sort()).toEqual(hashesOf(event, names));
      const scanned = scanEvent(target, 3, end);
      expect(scanned).toMatchObject({ createdAt: event.created_at, kind: event.kind });
      expect(target.toString("latin1", scanned?.idAt, (scanned?.idAt ?? 0) + 64)).toBe(event.id);
      expect(createTagHasher([])(target, 3, end)).toEqual([]);
    }),
  );
});

test("an event whose fields are in another order is looked through too; what is none is told", () => {
  const event = {
    id: "1".repeat(64),
    pubkey: "2".repeat(64),
    created_at: 7,
    kind: -1,
    tags: [["t", "a"]],
    content: "",
  };
  const whole = encodeElsewhere({ ...event, sig: "3".repeat(128) });
  const start = 2;
  // The tag, of seven bytes and two before it, is moved to the front.
  const tagAt = whole.indexOf(Buffer.from([0x2a, 6, 0x0a, 1, 0x74, 0x0a, 1, 0x61]));
  expect(tagAt).toBeGreaterThan(0);
  const moved = Buffer.concat([
    whole.subarray(tagAt, tagAt + 8),
    whole.subarray(start, tagAt),
    whole.subarray(tagAt + 8),
  ]);
  expect(scanEvent(moved, 0, moved.length)).toMatchObject({ createdAt: 7, kind: -1, idAt: 10 });
  expect(createTagHasher(["t"])(moved, 0, moved.length)).toEqual([tagHash("t", "a")]);
  expect(scanEvent(moved, 0, moved.length - 1)).toBeNull();
  expect(scanEvent(Buffer.from("no event at all"), 0, 15)).toBeNull();
});

const folder = temporaryFolder();
const dump = await makeDump(folder.path, "tags.jsonl", { lines: 4000, days: 6 });
const whole = folder.join("whole");
await convertOk([dump.path, "-o", whole, "--chunk-bytes", "300000", ...TAGS]);

test("every tag of every event is in the index, and nothing else, whatever the number of threads", async () => {
  const expected = readArchive(whole).flatMap((event) =>
    hashesOf(event, NAMES).map((hash) => `${hash} ${event.created_at} ${event.id.toUpperCase()}`),
  );
  expect(expected.length).toBeGreaterThan(1000);
  expect(describeTags(whole)).toEqual([...NAMES, ...expected.sort()]);
  expect(readManifest(whole).indexTags).toEqual(NAMES);
  const other = folder.join("one-thread");
  await convertOk([dump.path, "-o", other, "-j", "1", "--chunk-bytes", "300000", "--index-tags", "t,d,p,e,e"]);
  expect(describeTags(other)).toEqual(describeTags(whole));
  expect(digests(other)).toEqual(digests(whole));
}, 60_000);

test("the rows that tags refer to stay the same under VACUUM, and no space of the index is unused", () => {
  const path = folder.join("vacuum.db");
  Bun.spawnSync(["cp", `${whole}/index.db`, path]);
  const db = new Database(path);
  const ids = () => db.query("SELECT rowid, id FROM event ORDER BY rowid").values();
  const before = ids();
  expect(db.query("PRAGMA freelist_count").values()).toEqual([[0]]);
  db.run("DELETE FROM event WHERE rowid = 5");
  db.run("VACUUM");
  expect(ids()).toEqual(before.filter(([rowid]) => rowid !== 5));
  db.close();
});

test("stopped with kill -9, the same command makes the same tags", async () => {
  const archive = folder.join("killed");
  const args = ["convert", dump.path, "-o", archive, "--chunk-bytes", "100000", ...TAGS, "--no-progress"];
  const child = startCli(args);
  while (child.exitCode === null && !existsSync(`${archive}/.proton-beam/index.db.tmp`)) await Bun.sleep(1);
  child.kill("SIGKILL");
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
  expect((await runCli(args)).exitCode).toBe(0);
  expect(describeTags(archive)).toEqual(describeTags(whole));
  expect(describeIndex(archive)).toEqual(describeIndex(whole));
  expect(existsSync(`${archive}/.proton-beam`)).toBe(false);
}, 60_000);

test("adding keeps the tags of the archive, and makes the index that converting all at once makes", async () => {
  const lines = readFileSync(dump.path, "utf8").trimEnd().split("\n");
  const sorted = lines.toSorted((a, b) => timeOf(a) - timeOf(b));
  // The second part has some of the days, and nothing of others.
  const [first, second] = [folder.join("first.jsonl"), folder.join("second.jsonl")];
  await Bun.write(first, `${sorted.slice(0, 2500).join("\n")}\n`);
  await Bun.write(second, `${sorted.slice(2000).join("\n")}\n`);
  const added = folder.join("added");
  await convertOk([first, "-o", added, ...TAGS]);
  await convertOk([second, "-o", added]);
  expect(describeTags(added)).toEqual(describeTags(whole));
  expect(describeIndex(added)).toEqual(describeIndex(whole));
  const again = await convertOk([first, second, "-o", added, ...TAGS]);
  expect(again.skippedInputs).toBe(2);
}, 60_000);

test("other tags than the archive has are refused, with what to do", async () => {
  const args = ["convert", dump.path, "-o", whole, "--no-progress"];
  const other = await runCli([...args, "--index-tags", "e"]);
  expect([other.exitCode, other.stderr]).toEqual([
    2,
    expect.stringContaining(`proton-beam index rebuild ${whole} --index-tags e`),
  ]);
  const plain = folder.join("plain");
  await convertOk([dump.path, "-o", plain]);
  const none = await runCli(["convert", dump.path, "-o", plain, ...TAGS]);
  expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining("looks up no tags, not d,e,p,t")]);
  for (const wrong of ["ee", "", "1", "e,"]) {
    const { exitCode, stderr } = await runCli(["convert", dump.path, "-o", plain, "--index-tags", wrong]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("is no letter")]);
  }
}, 60_000);

test("an index of the layout before, whose rows had no number of their own, is added to", async () => {
  const old = folder.join("old");
  const [first, second] = [folder.join("first.jsonl"), folder.join("second.jsonl")];
  await convertOk([first, "-o", old]);
  const db = new Database(`${old}/index.db`);
  const indexes = db.query<{ sql: string }, []>(
    "SELECT sql FROM sqlite_schema WHERE tbl_name = 'event' AND type = 'index'",
  );
  const made = indexes.all();
  db.run("DROP VIEW events");
  db.run(
    "CREATE TABLE before(id BLOB, pubkey INTEGER, created_at INTEGER, kind INTEGER, member INTEGER, position INTEGER)",
  );
  db.run("INSERT INTO before SELECT id, pubkey, created_at, kind, member, position FROM event ORDER BY rowid");
  db.run("DROP TABLE event");
  db.run("ALTER TABLE before RENAME TO event");
  for (const { sql } of made) db.run(sql);
  db.close();
  await convertOk([second, "-o", old]);
  expect(describeIndex(old)).toEqual(describeIndex(whole));
}, 60_000);

function timeOf(line: string): number {
  return Number(/"created_at":\s*(\d+)/.exec(line)?.[1] ?? 0);
}
