import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, ftruncateSync, openSync, readdirSync, readlinkSync, statSync } from "node:fs";
import fc from "fast-check";
import { createIndexBuilder } from "../../cli/index/build.ts";
import { createEventWriter } from "../../cli/index/events.ts";
import { createPageWriter, PAGE_BYTES } from "../../cli/index/pages.ts";
import { INDEXES, TABLES } from "../../cli/index/schema.ts";
import { BATCH_ROWS } from "../../cli/index/sort.ts";
import type { IndexRow } from "../../cli/reduce/day-rows.ts";
import { readAt } from "../../cli/store/blocks.ts";
import { temporaryFolder } from "../run/cli.ts";

setDefaultTimeout(60_000);

const MEMBER = { offset: 0, length: 1, size: 1, events: 1 };
const QUESTIONS = [
  "SELECT rowid, * FROM event ORDER BY rowid",
  "SELECT id, rowid FROM event INDEXED BY event_id ORDER BY id, rowid",
  "SELECT pubkey, created_at, rowid FROM event INDEXED BY event_pubkey ORDER BY pubkey, created_at, rowid",
  "SELECT kind, created_at, rowid FROM event INDEXED BY event_kind ORDER BY kind, created_at, rowid",
  "SELECT created_at, rowid FROM event INDEXED BY event_created_at ORDER BY created_at, rowid",
  "SELECT * FROM pubkey ORDER BY id",
];

/** Rows whose values differ in length and sign; ids of some begin alike, and every eleventh is there twice. */
function makeRows(count: number, isByTime: boolean): IndexRow[] {
  return Array.from({ length: count }, (_, i) => {
    const hash = new Bun.CryptoHasher("sha256").update(`${i - (i % 11 === 10 ? 1 : 0)}`).digest();
    if (i % 3 === 0) hash.fill(7, 0, 5);
    const [time, kind] = [hash.readInt32LE(8), hash.readInt32LE(12)];
    return {
      id: hash,
      pubkey: new Bun.CryptoHasher("sha256").update(`author ${i % 300}`).digest(),
      createdAt: isByTime ? 1_700_000_000 + Math.floor(i / 3) : [time, time * 50, time % 2, 0][i % 4],
      kind: [kind, kind >> 16, kind % 2, 30_023][i % 4],
      member: i % 2,
      position: [0, 1, 200, 40_000, 5_000_000, 2 ** 33 + i][i % 6],
    };
  });
}

/** The same rows by SQLite's own means. */
function buildReference(rows: IndexRow[]): Database {
  const db = new Database(":memory:");
  db.run(TABLES);
  db.run("BEGIN");
  const pubkeys = new Map<string, number>();
  const addPubkey = db.prepare<unknown, [number, Uint8Array]>("INSERT INTO pubkey VALUES (?, ?)");
  const addEvent = db.prepare<unknown, [Uint8Array, number, number, number, number, number]>(
    "INSERT INTO event(id, pubkey, created_at, kind, member, position) VALUES (?, ?, ?, ?, ?, ?)",
  );
  for (const { id, pubkey, createdAt, kind, member, position } of rows) {
    const key = Buffer.from(pubkey).toString("hex");
    if (!pubkeys.has(key)) addPubkey.run(pubkeys.size + 1, pubkey);
    const row = pubkeys.get(key) ?? pubkeys.size + 1;
    pubkeys.set(key, row);
    addEvent.run(id, row, createdAt, kind, member + 1, position);
  }
  db.run("COMMIT");
  db.run(INDEXES);
  return db;
}

function answers(db: Database): string[] {
  return QUESTIONS.map((question) => {
    const hash = new Bun.CryptoHasher("sha256");
    for (const values of db.query<unknown, []>(question).values())
      hash.update(values.map((value) => (value instanceof Uint8Array ? value.toHex() : String(value))).join());
    return `${question}: ${hash.digest("hex")}`;
  });
}

function expectSame(rows: IndexRow[], folder: string): void {
  const path = `${folder}/index.db`;
  const builder = createIndexBuilder(path);
  builder.addDay("2023_11_14.pb.gz", null, [MEMBER, MEMBER], rows);
  builder.finish();
  expect(readdirSync(folder)).toEqual(["index.db"]);
  using built = new Database(path, { readonly: true });
  using reference = buildReference(rows);
  expect(built.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
  expect(built.query("PRAGMA page_count").values()).toEqual([[statSync(path).size / PAGE_BYTES]]);
  expect(answers(built)).toEqual(answers(reference));
}

test("an index of any size has what SQLite itself would have put into it", () => {
  using folder = temporaryFolder();
  // About where the first leaves are full, each number of rows ends the trees differently.
  const counts = [0, 1, 2, ...Array.from({ length: 60 }, (_, i) => 60 + i)];
  for (const count of counts) expectSame(makeRows(count, count % 2 === 0), folder.path);
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 20_000 }), fc.boolean(), (count, isByTime) =>
      expectSame(makeRows(count, isByTime), folder.path),
    ),
    { numRuns: 15 },
  );
});

test("an index of more rows than are sorted at once", () => {
  using folder = temporaryFolder();
  expectSame(makeRows(BATCH_ROWS + 5, false), folder.path);
});

test("rows can be added to an index, and pages go where SQLite reads them", () => {
  using folder = temporaryFolder();
  const path = folder.join("index.db");
  const rows = makeRows(5000, true);
  const builder = createIndexBuilder(path);
  builder.addDay("2023_11_14.pb.gz", null, [MEMBER, MEMBER], rows);
  builder.finish();
  using db = new Database(path);
  for (const statement of [
    "DELETE FROM event WHERE rowid % 3 = 0",
    "INSERT INTO event SELECT rowid + 10000, id, pubkey, created_at + 1, kind, member, position FROM event",
    "UPDATE event SET kind = kind % 7, created_at = -created_at WHERE rowid % 5 = 1",
    "VACUUM",
  ]) {
    db.run(statement);
    expect(db.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
  }
});

test("the page that SQLite locks stays unused, and those behind it are found", () => {
  using folder = temporaryFolder();
  const path = folder.join("index.db");
  const db = new Database(path);
  db.run(TABLES);
  db.run(INDEXES);
  const roots = new Map(
    db
      .query<{ name: string; rootpage: number }, []>("SELECT name, rootpage FROM sqlite_schema")
      .all()
      .map(({ name, rootpage }) => [name, rootpage]),
  );
  db.close(true);
  const lockPage = 2 ** 30 / PAGE_BYTES + 1;
  const file = openSync(path, "r+");
  // Mostly a hole, which takes no space.
  ftruncateSync(file, (lockPage - 30) * PAGE_BYTES);
  const rows = makeRows(5000, false).map((row, i) => ({ ...row, pubkey: i }));
  const writer = createEventWriter((name) => folder.join(name));
  for (const row of rows) writer.add(row);
  const pages = createPageWriter(file, lockPage - 30);
  writer.finish(pages, roots);
  pages.finish();
  const page = Buffer.alloc(PAGE_BYTES, 1);
  readAt(file, page, (lockPage - 1) * PAGE_BYTES);
  expect(page.equals(Buffer.alloc(PAGE_BYTES))).toBe(true);
  closeSync(file);
  using built = new Database(path, { readonly: true });
  for (const question of QUESTIONS.slice(0, -1)) expect(built.query(question).values().length).toBe(rows.length);
  expect(built.query("PRAGMA page_count").values()[0]).toEqual([statSync(path).size / PAGE_BYTES]);
});

test("what could not be searched is refused", () => {
  using folder = temporaryFolder();
  const [row] = makeRows(1, true).map((made) => ({ ...made, pubkey: 1 }));
  for (const [wrong, message] of [
    [{ id: row.id.subarray(1) }, "31 bytes"],
    [{ createdAt: 2 ** 63 }, "64-bit"],
    [{ createdAt: 0.5 }, "64-bit"],
    [{ kind: 2 ** 31 }, "32-bit"],
    [{ pubkey: 2 ** 32 }, "pubkeys"],
  ] as const) {
    const writer = createEventWriter((name) => folder.join(name));
    expect(() => writer.add({ ...row, ...wrong })).toThrow(message);
  }
});

test("nothing is left of a builder that did not come to its end, and nothing holds a finished index", () => {
  using folder = temporaryFolder();
  const rows = makeRows(1000, true);
  const path = folder.join("index.db");
  const dead = createIndexBuilder(path, ["e"]);
  dead.addDay("2023_11_14.pb.gz", null, [MEMBER, MEMBER], rows);
  expect(readdirSync(folder.path).sort()).toEqual(["index.db.tags.tmp", "index.db.tmp"]);
  const builder = createIndexBuilder(path);
  builder.addDay("2023_11_14.pb.gz", null, [MEMBER, MEMBER], rows);
  builder.finish();
  const open = readdirSync("/proc/self/fd").map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return "";
    }
  });
  expect(open.filter((target) => target === path)).toEqual([]);
});
