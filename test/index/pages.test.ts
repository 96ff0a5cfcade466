import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { closeSync, openSync, readdirSync, statSync } from "node:fs";
import fc from "fast-check";
import { createIndexBuilder } from "../../cli/index/build.ts";
import { createPageWriter, PAGE_BYTES } from "../../cli/index/pages.ts";
import { INDEXES, TABLES } from "../../cli/index/schema.ts";
import { BATCH_ROWS } from "../../cli/index/sort.ts";
import type { IndexRow } from "../../cli/reduce/day-rows.ts";
import { temporaryFolder } from "../run/cli.ts";

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
  db.run("DELETE FROM event WHERE rowid % 3 = 0");
  db.run("INSERT INTO event SELECT rowid + 10000, id, pubkey, created_at + 1, kind, member, position FROM event");
  db.run("VACUUM");
  expect(db.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
});

test("the page that SQLite locks stays unused", () => {
  using folder = temporaryFolder();
  const file = openSync(folder.join("pages"), "w+");
  const lockPage = 2 ** 30 / PAGE_BYTES + 1;
  const pages = createPageWriter(file, lockPage - 2);
  const page = Buffer.alloc(PAGE_BYTES, 1);
  expect([pages.append(page), pages.append(page), pages.append(page)]).toEqual([
    lockPage - 1,
    lockPage + 1,
    lockPage + 2,
  ]);
  pages.finish();
  closeSync(file);
  expect(statSync(folder.join("pages")).size).toBe((lockPage + 2) * PAGE_BYTES);
});
