import { Database } from "bun:sqlite";
import { errorMessage } from "../errors.ts";
import { SECONDS_PER_DAY } from "../event/date.ts";
import { formatCount } from "../report/format.ts";
import type { FileDigest } from "../run/protocol.ts";
import { sha256OfFile } from "../store/checksum.ts";
import { INDEX_FILE } from "../store/layout.ts";
import { compareDigest } from "./check-day.ts";
import { createFindings, type Findings, type FindingsWriter } from "./findings.ts";

/** What a reader relies on. */
const TABLES = ["file", "member", "pubkey", "event", "events"];
const INDEXES = ["event_id", "event_pubkey", "event_kind", "event_created_at"];
const TAG_TABLES = ["indexed_tag", "tag"];
const TOLD_ROWS = 5;

/** An index on this disk, and what the manifest says of it. */
export interface IndexCheck {
  indexPath: string;
  size: number;
  recorded: FileDigest | null;
  /** What the manifest says; null when there is none. */
  indexTags: string[] | null;
}

/** What an index says of a daily file. */
export interface IndexedFile {
  path: string;
  events: number;
}

/** What an index is like as a whole, in little time. @throws {Error} when it is no index of this program */
export function outlineIndex(indexPath: string): { files: IndexedFile[]; tags: string[] } {
  const db = new Database(indexPath, { readonly: true });
  try {
    const names = namesIn(db);
    const missing = TABLES.filter((name) => !names.has(name));
    if (missing.length > 0) throw new Error(`it has no table ${missing.join(", ")}`);
    return {
      files: db
        .query<IndexedFile, []>(
          `SELECT path, coalesce(sum(events), 0) AS events
           FROM file LEFT JOIN member ON member.file = file.id GROUP BY file.id ORDER BY path`,
        )
        .all(),
      tags: TAG_TABLES.every((name) => names.has(name)) ? indexedTags(db) : [],
    };
  } finally {
    db.close();
  }
}

function namesIn(db: Database): Set<string> {
  return new Set(
    db
      .query<{ name: string }, []>("SELECT name FROM sqlite_schema")
      .all()
      .map(({ name }) => name),
  );
}

function indexedTags(db: Database): string[] {
  return db
    .query<{ name: string }, []>("SELECT name FROM indexed_tag ORDER BY name")
    .all()
    .map(({ name }) => name);
}

/** Checks the database as a whole; what it says of each day is checked with the day. */
export function checkIndex({ indexPath, size, recorded, indexTags }: IndexCheck): Findings {
  const findings = createFindings();
  const problem = (text: string) => findings.add(INDEX_FILE, "index", text);
  if (recorded !== null) compareDigest(INDEX_FILE, { size, sha256: sha256OfFile(indexPath) }, recorded, findings);
  try {
    const db = new Database(indexPath, { readonly: true });
    try {
      const answers = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check(10)").all();
      for (const { integrity_check } of answers)
        if (integrity_check !== "ok") problem(`SQLite says: ${integrity_check}`);
      const names = namesIn(db);
      for (const name of INDEXES) if (!names.has(name)) problem(`its SQLite index ${name} is missing`);
      const tags = names.has("indexed_tag") ? indexedTags(db) : [];
      if (indexTags !== null && tags.join() !== [...indexTags].sort().join())
        problem(`looks up the tags ${tags.join() || "none"}, by the manifest ${indexTags.join() || "none"}`);
      const unused = countOf(
        db,
        "SELECT count(*) AS count FROM pubkey WHERE NOT EXISTS (SELECT 1 FROM event WHERE event.pubkey = pubkey.id)",
      );
      if (unused > 0) problem(`has ${formatCount(unused)} pubkeys of no event`);
    } finally {
      db.close();
    }
  } catch (error) {
    problem(`cannot be read: ${errorMessage(error)}`);
  }
  const { problems, more, notes } = findings;
  return { problems, more, notes };
}

/** What the days have shown that the index must hold, and no more. */
export interface IndexTotals {
  indexPath: string;
  /** The days that have files, ascending. */
  days: number[];
  /** Rows of events that were seen in these days. */
  rows: number;
  /** Rows of tags that were found; null when not all could be looked for. */
  tags: number | null;
}

/** Finds rows that belong to no daily file. */
export function checkTotals({ indexPath, days, rows, tags }: IndexTotals): Findings {
  const findings = createFindings();
  try {
    const db = new Database(indexPath, { readonly: true });
    try {
      const all = countOf(db, "SELECT count(*) AS count FROM event");
      if (all !== rows) tellRowsBetween(db, days, findings);
      const isTagged = namesIn(db).has("tag");
      if (isTagged && tags !== null && countOf(db, "SELECT count(*) AS count FROM tag") > tags)
        tellTags(db, countOf(db, "SELECT count(*) AS count FROM tag") - tags, findings);
    } finally {
      db.close();
    }
  } catch (error) {
    findings.add(INDEX_FILE, "index", `cannot be read: ${errorMessage(error)}`);
  }
  const { problems, more, notes } = findings;
  return { problems, more, notes };
}

/** Rows whose created_at is of none of the days. */
function tellRowsBetween(db: Database, days: number[], findings: FindingsWriter): void {
  const query = db.query<{ id: string; createdAt: number }, [number, number]>(
    "SELECT lower(hex(id)) AS id, created_at AS createdAt FROM event WHERE created_at >= ? AND created_at < ? LIMIT 1000",
  );
  const starts = [...days, Number.MAX_SAFE_INTEGER / SECONDS_PER_DAY];
  let from = Number.MIN_SAFE_INTEGER;
  for (const start of starts) {
    const to = Math.floor(start * SECONDS_PER_DAY);
    for (const { id, createdAt } of from < to ? query.all(from, to) : [])
      findings.add(
        INDEX_FILE,
        "index",
        `its row of event ${id} says created_at ${createdAt}, a day of which there is no file`,
      );
    from = to + SECONDS_PER_DAY;
  }
}

/** Rows of tags that no event has: those that show it by themselves. */
function tellTags(db: Database, count: number, findings: FindingsWriter): void {
  const wrong = db
    .query<{ event: number; createdAt: number }, [number]>(
      `SELECT tag.event, tag.created_at AS createdAt FROM tag LEFT JOIN event ON event.rowid = tag.event
       WHERE event.rowid IS NULL OR event.created_at <> tag.created_at LIMIT ?`,
    )
    .all(TOLD_ROWS);
  const places = wrong.map(({ event, createdAt }) => `event row ${event}, created_at ${createdAt}`);
  findings.add(
    INDEX_FILE,
    "index",
    `has ${formatCount(count)} rows of tags that no event has${places.length === 0 ? "" : `, among them: ${places.join("; ")}`}`,
  );
}

function countOf(db: Database, sql: string): number {
  return db.query<{ count: number }, []>(sql).get()?.count ?? 0;
}
