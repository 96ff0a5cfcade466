import { Database } from "bun:sqlite";
import type { Member } from "../reduce/day-file.ts";
import type { IndexRow } from "../reduce/day-rows.ts";

/** Reads an `index.db`. */
export interface IndexReader {
  /** The daily files that the index knows, in the order of their days. */
  paths(): string[];
  /** Names of the tags that can be looked up, sorted. */
  tags(): string[];
  /** The bytes of each daily file that its members take. */
  fileSizes(): Map<string, number>;
  /** The members of a daily file in their order; none when the index does not know the file. */
  members(path: string): Member[];
  /** When the daily file was indexed: Unix seconds, or null when not known. */
  indexedAt(path: string): number | null;
  /** The numbers of the rows of a daily file: from its first one to that of the next file. */
  rowNumbers(path: string): { from: number; to: number };
  /** The rows of a daily file, in its order; without their tags. */
  rows(path: string): Iterable<IndexRow>;
  close(): void;
}

const MEMBERS = `
SELECT member.id, offset, length, size, events
FROM member JOIN file ON file.id = member.file
WHERE file.path = ? ORDER BY member.id`;

// An index without tags to look up, or an older one, has no such table.
const TAGS_TABLE = "SELECT name FROM sqlite_schema WHERE name = 'indexed_tag'";

const FILE_SIZES = `
SELECT path, coalesce(sum(length), 0) AS size
FROM file LEFT JOIN member ON member.file = file.id GROUP BY file.id`;

const LAST_ROW = "SELECT max(rowid) AS last FROM event";
const ROW_AT = "SELECT member FROM event WHERE rowid >= ? ORDER BY rowid LIMIT 1";

const ROWS = `
SELECT event.id, pubkey.pubkey, event.created_at AS createdAt, event.kind, event.member - ? AS member, event.position
FROM event JOIN pubkey ON pubkey.id = event.pubkey
WHERE event.rowid >= ? AND event.rowid < ? ORDER BY event.rowid`;

/**
 * Opens an `index.db` for reading.
 * @throws {Error} of SQLite when the file is missing or no database
 */
export function openIndex(path: string): IndexReader {
  const db = new Database(path, { readonly: true });
  const membersOf = (file: string) => db.query<Member & { id: number }, [string]>(MEMBERS).all(file);
  /** The first row of this member or of one behind it: rows are numbered in the order of the files, whatever day an event is of. */
  const firstRowFrom = (member: number) => {
    let low = 1;
    let high = (db.query<{ last: number | null }, []>(LAST_ROW).get()?.last ?? 0) + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = db.query<{ member: number }, [number]>(ROW_AT).get(middle);
      if (row === null || row.member >= member) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const rowNumbers = (members: { id: number }[]) =>
    members.length === 0
      ? { from: 1, to: 1 }
      : { from: firstRowFrom(members[0].id), to: firstRowFrom(members[members.length - 1].id + 1) };
  return {
    paths: () =>
      db
        .query<{ path: string }, []>("SELECT path FROM file ORDER BY path")
        .all()
        .map(({ path }) => path),
    tags: () =>
      db.query<{ name: string }, []>(TAGS_TABLE).get() === null
        ? []
        : db
            .query<{ name: string }, []>("SELECT name FROM indexed_tag ORDER BY name")
            .all()
            .map(({ name }) => name),
    fileSizes: () =>
      new Map(
        db
          .query<{ path: string; size: number }, []>(FILE_SIZES)
          .all()
          .map(({ path, size }) => [path, size]),
      ),
    members: (file) => membersOf(file).map(({ offset, length, size, events }) => ({ offset, length, size, events })),
    indexedAt: (file) =>
      db.query<{ indexed_at: number | null }, [string]>("SELECT indexed_at FROM file WHERE path = ?").get(file)
        ?.indexed_at ?? null,
    rowNumbers: (file) => rowNumbers(membersOf(file)),
    rows: (file) => {
      const members = membersOf(file);
      const { from, to } = rowNumbers(members);
      return db.query<IndexRow, [number, number, number]>(ROWS).iterate(members[0]?.id ?? 0, from, to);
    },
    close: () => db.close(),
  };
}
