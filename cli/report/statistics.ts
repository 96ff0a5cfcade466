import { Database } from "bun:sqlite";
import { statSync } from "node:fs";

/** Authors that are named. */
const TOP_AUTHORS = 10;

/** What the index of an archive says of it as a whole. */
export interface Statistics {
  events: number;
  authors: number;
  /** The first and the last created_at, Unix seconds; null without events. */
  first: number | null;
  last: number | null;
  /** The most frequent first. */
  kinds: { kind: number; events: number }[];
  /** Those with most events. */
  topAuthors: { pubkey: string; events: number }[];
  /** The daily files in their order. Bytes as they are stored, and uncompressed. */
  days: { path: string; events: number; bytes: number; size: number }[];
  /** Size of the index. */
  indexBytes: number;
}

const DAYS = `
SELECT file.path, sum(member.events) AS events, sum(member.length) AS bytes, sum(member.size) AS size
FROM file JOIN member ON member.file = file.id GROUP BY file.id ORDER BY file.path`;

// Both go through a covering index once, from end to end.
const KINDS = "SELECT kind, count(*) AS events FROM event GROUP BY kind ORDER BY events DESC, kind";
const TOP = `
SELECT lower(hex(pubkey.pubkey)) AS pubkey, top.events
FROM (SELECT pubkey AS id, count(*) AS events FROM event GROUP BY pubkey ORDER BY events DESC, pubkey LIMIT ${TOP_AUTHORS}) AS top
JOIN pubkey ON pubkey.id = top.id ORDER BY top.events DESC, pubkey.pubkey`;

/**
 * Counts over a whole `index.db`: two passes over indexes of the events, all else is small.
 * @throws {Error} of SQLite when the file is missing or no index
 */
export function readStatistics(indexPath: string): Statistics {
  const db = new Database(indexPath, { readonly: true });
  try {
    const one = (sql: string) => db.query<{ value: number | null }, []>(sql).get()?.value ?? null;
    const kinds = db.query<Statistics["kinds"][number], []>(KINDS).all();
    return {
      events: kinds.reduce((sum, { events }) => sum + events, 0),
      authors: one("SELECT count(*) AS value FROM pubkey") ?? 0,
      first: one("SELECT min(created_at) AS value FROM event"),
      last: one("SELECT max(created_at) AS value FROM event"),
      kinds,
      topAuthors: db.query<Statistics["topAuthors"][number], []>(TOP).all(),
      days: db.query<Statistics["days"][number], []>(DAYS).all(),
      indexBytes: statSync(indexPath).size,
    };
  } finally {
    db.close();
  }
}
