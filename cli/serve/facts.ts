import { Database } from "bun:sqlite";

/** What an index tells about its archive at once. */
export interface ArchiveFacts {
  events: number;
  /** The earliest and the latest `created_at`, Unix seconds; null without events. */
  from: number | null;
  to: number | null;
}

// Rows are only ever appended to a new index, so that the last one's number is their count. To count them takes minutes in a large one.
const FACTS = `
SELECT (SELECT coalesce(max(rowid), 0) FROM event) AS events,
  (SELECT min(created_at) FROM event) AS "from", (SELECT max(created_at) FROM event) AS "to"`;

/** @throws {Error} of SQLite when the file is missing or no index */
export function readFacts(indexPath: string): ArchiveFacts {
  const db = new Database(indexPath, { readonly: true });
  try {
    return db.query<ArchiveFacts, []>(FACTS).get() ?? { events: 0, from: null, to: null };
  } finally {
    db.close();
  }
}
