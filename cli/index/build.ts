import { Database } from "bun:sqlite";
import { rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Member } from "../reduce/day-file.ts";
import type { IndexRow } from "../reduce/day-rows.ts";
import { renameDurably, TEMPORARY_SUFFIX } from "../store/atomic.ts";
import type { IndexReader } from "./read.ts";
import { INDEXES, TABLES, VIEW } from "./schema.ts";

const CACHE_KIB = 65_536;
const REMEMBERED_PUBKEYS = 200_000;

/** Builds an `index.db`, day after day; it appears under its name when it is whole. */
export interface IndexBuilder {
  /** Adds a daily file with its members and rows. `indexedAt`: Unix seconds, or null when not known. */
  addDay(path: string, indexedAt: number | null, members: Member[], rows: Iterable<IndexRow>): void;
  /** Adds the daily file of `day` as another index has it. */
  copyDay(path: string, day: number, from: IndexReader): void;
  finish(): void;
}

/** Starts an index that will be `path` after `finish()`. */
export function createIndexBuilder(path: string): IndexBuilder {
  const temporary = path + TEMPORARY_SUFFIX;
  rmSync(temporary, { force: true });
  const db = new Database(temporary);
  // A crash discards the temporary file, so the builder needs neither journal nor syncs; the rename is durable.
  db.run("PRAGMA journal_mode = OFF");
  db.run("PRAGMA synchronous = OFF");
  // The sorts of the indexes spill to disk: beside the index, where room was accounted for.
  db.run(`PRAGMA temp_store_directory = '${dirname(resolve(temporary)).replaceAll("'", "''")}'`);
  db.run(`PRAGMA cache_size = -${CACHE_KIB}`);
  db.run(TABLES);
  db.run("BEGIN");
  const insertFile = db.prepare<{ id: number }, [string, number | null]>(
    "INSERT INTO file(path, indexed_at) VALUES (?, ?) RETURNING id",
  );
  const insertMember = db.prepare<{ id: number }, [number, number, number, number, number]>(
    "INSERT INTO member(file, offset, length, size, events) VALUES (?, ?, ?, ?, ?) RETURNING id",
  );
  const insertEvent = db.prepare<unknown, [Uint8Array, number, number, number, number, number]>(
    "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)",
  );
  const internPubkey = createPubkeyInterner(db);

  const addDay: IndexBuilder["addDay"] = (path, indexedAt, members, rows) => {
    const file = idOf(insertFile.get(path, indexedAt));
    const memberIds = members.map(({ offset, length, size, events }) =>
      idOf(insertMember.get(file, offset, length, size, events)),
    );
    for (const row of rows)
      insertEvent.run(row.id, internPubkey(row.pubkey), row.createdAt, row.kind, memberIds[row.member], row.position);
  };

  return {
    addDay,
    copyDay: (path, day, from) => addDay(path, from.indexedAt(path), from.members(path), from.rows(path, day)),
    finish: () => {
      db.run(INDEXES);
      db.run(VIEW);
      db.run("COMMIT");
      db.run("PRAGMA synchronous = FULL");
      db.close();
      renameDurably(temporary, path);
    },
  };
}

/** Gives each pubkey its row, in the order of first sight. Remembers a bounded number; the table knows all. */
function createPubkeyInterner(db: Database): (pubkey: Uint8Array) => number {
  const insert = db.prepare<{ id: number }, [Uint8Array]>("INSERT INTO pubkey(pubkey) VALUES (?) RETURNING id");
  const find = db.prepare<{ id: number }, [Uint8Array]>("SELECT id FROM pubkey WHERE pubkey = ?");
  const known = new Map<string, number>();
  return (pubkey) => {
    const key = Buffer.from(pubkey.buffer, pubkey.byteOffset, pubkey.length).toString("latin1");
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const id = find.get(pubkey)?.id ?? idOf(insert.get(pubkey));
    if (known.size >= REMEMBERED_PUBKEYS) known.clear();
    known.set(key, id);
    return id;
  };
}

function idOf(row: { id: number } | null): number {
  if (row === null) throw new Error("SQLite returned no row id");
  return row.id;
}
