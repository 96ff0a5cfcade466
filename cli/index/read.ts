import { Database } from "bun:sqlite";
import { SECONDS_PER_DAY } from "../event/date.ts";
import type { Member } from "../reduce/day-file.ts";
import type { IndexRow } from "../reduce/day-rows.ts";

/** Reads an `index.db`. */
export interface IndexReader {
  /** The members of a daily file in their order; none when the index does not know the file. */
  members(path: string): Member[];
  /** When the daily file was indexed: Unix seconds, or null when not known. */
  indexedAt(path: string): number | null;
  /** The rows of the daily file of `day`, in the order of the file. */
  rows(path: string, day: number): Iterable<IndexRow>;
  close(): void;
}

const MEMBERS = `
SELECT member.id, offset, length, size, events
FROM member JOIN file ON file.id = member.file
WHERE file.path = ? ORDER BY member.id`;

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
    members: (file) => membersOf(file).map(({ offset, length, size, events }) => ({ offset, length, size, events })),
    indexedAt: (file) =>
      db.query<{ indexed_at: number | null }, [string]>("SELECT indexed_at FROM file WHERE path = ?").get(file)
        ?.indexed_at ?? null,
    rows: (file, day) => {
      const firstMember = membersOf(file)[0]?.id ?? 0;
      const from = day * SECONDS_PER_DAY;
      return db.query<IndexRow, [number, number, number]>(ROWS).iterate(firstMember, from, from + SECONDS_PER_DAY);
    },
    close: () => db.close(),
  };
}
