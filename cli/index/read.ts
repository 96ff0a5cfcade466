import { Database } from "bun:sqlite";
import { SECONDS_PER_DAY } from "../event/date.ts";
import type { Member } from "../reduce/day-file.ts";
import type { IndexRow } from "../reduce/day-rows.ts";

/** Reads an `index.db`. */
export interface IndexReader {
  /** The daily files that the index knows, in the order of their days. */
  paths(): string[];
  /** The members of a daily file in their order; none when the index does not know the file. */
  members(path: string): Member[];
  /** When the daily file was indexed: Unix seconds, or null when not known. */
  indexedAt(path: string): number | null;
  /** The number of the first row of `day`, or null when there is none. */
  firstRow(day: number): number | null;
  /** The rows of the daily file of `day`, in the order of the file; without their tags. */
  rows(path: string, day: number): Iterable<IndexRow>;
  close(): void;
}

const MEMBERS = `
SELECT member.id, offset, length, size, events
FROM member JOIN file ON file.id = member.file
WHERE file.path = ? ORDER BY member.id`;

const FIRST_ROW = "SELECT min(rowid) AS first FROM event WHERE created_at >= ? AND created_at < ?";

// A daily file holds just the events of its day, and the rows were inserted in the order of the file.
const ROWS = `
SELECT event.id, pubkey.pubkey, event.created_at AS createdAt, event.kind, event.member - ? AS member, event.position
FROM event JOIN pubkey ON pubkey.id = event.pubkey
WHERE event.created_at >= ? AND event.created_at < ? ORDER BY event.rowid`;

/**
 * Opens an `index.db` for reading.
 * @throws {Error} of SQLite when the file is missing or no database
 */
export function openIndex(path: string): IndexReader {
  const db = new Database(path, { readonly: true });
  const membersOf = (file: string) => db.query<Member & { id: number }, [string]>(MEMBERS).all(file);
  return {
    paths: () =>
      db
        .query<{ path: string }, []>("SELECT path FROM file ORDER BY path")
        .all()
        .map(({ path }) => path),
    members: (file) => membersOf(file).map(({ offset, length, size, events }) => ({ offset, length, size, events })),
    indexedAt: (file) =>
      db.query<{ indexed_at: number | null }, [string]>("SELECT indexed_at FROM file WHERE path = ?").get(file)
        ?.indexed_at ?? null,
    firstRow: (day) =>
      db.query<{ first: number | null }, [number, number]>(FIRST_ROW).get(...secondsOf(day))?.first ?? null,
    rows: (file, day) => {
      const firstMember = membersOf(file)[0]?.id ?? 0;
      return db.query<IndexRow, [number, number, number]>(ROWS).iterate(firstMember, ...secondsOf(day));
    },
    close: () => db.close(),
  };
}

/** The first second of a day, and the first of the next one. */
function secondsOf(day: number): [number, number] {
  return [day * SECONDS_PER_DAY, (day + 1) * SECONDS_PER_DAY];
}
