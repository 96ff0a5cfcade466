import { Database } from "bun:sqlite";
import { closeSync, fstatSync, fsyncSync, openSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Member } from "../reduce/day-file.ts";
import type { IndexRow } from "../reduce/day-rows.ts";
import { renameDurably, TEMPORARY_SUFFIX } from "../store/atomic.ts";
import { readAt } from "../store/blocks.ts";
import { createEventWriter, type EventWriter } from "./events.ts";
import { createPageWriter, PAGE_BYTES } from "./pages.ts";
import { createPubkeyInterner } from "./pubkeys.ts";
import { openIndex } from "./read.ts";
import { INDEXES, TABLES, TAG_TABLES, VIEW } from "./schema.ts";

const CACHE_KIB = 65_536;

/** Builds an `index.db`, day after day; it appears under its name when it is whole. */
export interface IndexBuilder {
  /** Adds a daily file with its members and rows. `indexedAt`: Unix seconds, or null when not known. */
  addDay(path: string, indexedAt: number | null, members: Member[], rows: Iterable<IndexRow>): void;
  /** Adds a daily file as the index has it that this one is to replace. */
  copyDay(path: string): void;
  finish(): void;
}

/**
 * Starts an index that will be `path` after `finish()`.
 * @param tags letters whose tags it can look up
 * @param base the index that days are copied from; it looks up the same tags
 */
export function createIndexBuilder(path: string, tags: string[] = [], base: string | null = null): IndexBuilder {
  const temporary = path + TEMPORARY_SUFFIX;
  rmSync(temporary, { force: true });
  const db = new Database(temporary);
  // A crash discards the temporary file, so the builder needs no syncs and no journal on the disk; the rename is durable.
  db.run(`PRAGMA page_size = ${PAGE_BYTES}`);
  db.run("PRAGMA auto_vacuum = NONE");
  db.run("PRAGMA journal_mode = MEMORY");
  db.run("PRAGMA synchronous = OFF");
  // The sort of the tags spills to disk: beside the index, where room was accounted for.
  db.run(`PRAGMA temp_store_directory = '${quoted(dirname(resolve(temporary)))}'`);
  db.run(`PRAGMA cache_size = -${CACHE_KIB}`);
  db.run(TABLES);
  db.run(INDEXES);
  db.run(VIEW);
  const tagTables = tags.length === 0 ? null : createTagTables(db, tags, `${path}.tags${TEMPORARY_SUFFIX}`, base);
  const from = base === null ? null : openIndex(base);
  db.run("BEGIN");
  const insertFile = db.prepare<{ id: number }, [string, number | null]>(
    "INSERT INTO file(path, indexed_at) VALUES (?, ?) RETURNING id",
  );
  const insertMember = db.prepare<{ id: number }, [number, number, number, number, number]>(
    "INSERT INTO member(file, offset, length, size, events) VALUES (?, ?, ?, ?, ?) RETURNING id",
  );
  const internPubkey = createPubkeyInterner(db);
  // SQLite does all but the large table and its indexes: their pages are appended when it has closed the file.
  const writer = createEventWriter((name) => `${path}.${name}${TEMPORARY_SUFFIX}`);
  let events = 0;

  const addDay: IndexBuilder["addDay"] = (path, indexedAt, members, rows) => {
    const file = idOf(insertFile.get(path, indexedAt));
    const memberIds = members.map(({ offset, length, size, events }) =>
      idOf(insertMember.get(file, offset, length, size, events)),
    );
    for (const { id, pubkey, createdAt, kind, member, position, tags: hashes = [] } of rows) {
      const memberId = memberIds[member];
      if (memberId === undefined) throw new Error(`${path} has no member ${member}`);
      events = writer.add({ id, pubkey: internPubkey(pubkey), createdAt, kind, member: memberId, position });
      for (const hash of hashes) tagTables?.add(hash, createdAt, events);
    }
  };

  return {
    addDay,
    copyDay: (path) => {
      if (from === null) throw new Error(`there is no index that has ${path}`);
      const target = events + 1;
      addDay(path, from.indexedAt(path), from.members(path), from.rows(path));
      const copied = from.rowNumbers(path);
      if (copied.from < copied.to) tagTables?.copy(copied.from, copied.to - 1, target);
    },
    finish: () => {
      from?.close();
      tagTables?.fill();
      db.run("COMMIT");
      tagTables?.close();
      const roots = db.query<{ name: string; rootpage: number }, []>("SELECT name, rootpage FROM sqlite_schema").all();
      // Throws when something of it is still in use.
      db.close(true);
      appendEvents(temporary, writer, new Map(roots.map(({ name, rootpage }) => [name, rootpage])));
      renameDurably(temporary, path);
    },
  };
}

function appendEvents(path: string, writer: EventWriter, roots: Map<string, number>): void {
  const file = openSync(path, "r+");
  try {
    assertPlain(file);
    const pages = createPageWriter(file, fstatSync(file).size / PAGE_BYTES);
    writer.finish(pages, roots);
    pages.finish();
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** SQLite can be built to make databases of other forms (https://www.sqlite.org/fileformat2.html#the_database_header). */
function assertPlain(file: number): void {
  const header = Buffer.alloc(100);
  readAt(file, header, 0);
  const [pageBytes, reserved, format, largestRoot] = [
    header.readUInt16BE(16),
    header[20],
    header.readUInt32BE(44),
    header.readUInt32BE(52),
  ];
  if (pageBytes !== PAGE_BYTES || reserved !== 0 || format !== 4 || largestRoot !== 0)
    throw new Error("this SQLite makes databases of a form that the index cannot be written in");
}

/**
 * The tag tables of an index. Rows are gathered in a file beside it, since the table wants them in its own order.
 * @param base index with the same tags, from which those of whole days are taken
 */
function createTagTables(db: Database, tags: string[], scratch: string, base: string | null) {
  rmSync(scratch, { force: true });
  db.run(TAG_TABLES);
  db.run(`ATTACH '${quoted(scratch)}' AS scratch`);
  db.run("PRAGMA scratch.journal_mode = MEMORY");
  db.run("PRAGMA scratch.synchronous = OFF");
  db.run("CREATE TABLE scratch.gathered(hash INTEGER, created_at INTEGER, event INTEGER)");
  // Days of `base`: its rows of their first and last event, and the row that the first has here. Rows of a day follow each other.
  db.run("CREATE TABLE scratch.copied(first INTEGER PRIMARY KEY, last INTEGER, target INTEGER)");
  if (base !== null) db.run(`ATTACH '${quoted(base)}' AS base`);
  for (const tag of tags) db.run("INSERT INTO indexed_tag VALUES (?)", [tag]);
  const insert = db.prepare<unknown, [number, number, number]>("INSERT INTO scratch.gathered VALUES (?, ?, ?)");
  const insertCopied = db.prepare<unknown, [number, number, number]>("INSERT INTO scratch.copied VALUES (?, ?, ?)");
  return {
    add: (hash: number, createdAt: number, event: number) => insert.run(hash, createdAt, event),
    copy: (first: number, last: number, target: number) => insertCopied.run(first, last, target),
    /** Fills the table in its order, which is several times cheaper than keeping it in order. */
    fill: () => db.run(`INSERT INTO tag ${GATHERED} ${base === null ? "" : `UNION ALL ${COPIED}`} ORDER BY 1, 2, 3`),
    close: () => {
      insert.finalize();
      insertCopied.finalize();
      db.run("DETACH scratch");
      if (base !== null) db.run("DETACH base");
      rmSync(scratch);
    },
  };
}

const GATHERED = "SELECT hash, created_at, event FROM scratch.gathered";
const COPIED = `
SELECT tag.hash, tag.created_at, tag.event - copied.first + copied.target
FROM base.tag JOIN scratch.copied AS copied
  ON copied.first = (SELECT max(first) FROM scratch.copied WHERE first <= tag.event)
WHERE tag.event <= copied.last`;

function quoted(path: string): string {
  return path.replaceAll("'", "''");
}

function idOf(row: { id: number } | null): number {
  if (row === null) throw new Error("SQLite returned no row id");
  return row.id;
}
