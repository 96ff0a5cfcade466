import { Database } from "bun:sqlite";
import { EXIT, errorCode, ProtonBeamError } from "../errors.ts";
import type { SegmentFooter } from "../segment/segment.ts";
import type { Section } from "../store/container.ts";

/** A run of a day, and the chunk whose segment holds it. */
export interface CatalogRun extends Section {
  chunk: number;
  events: number;
}

/**
 * The runs of all segments by day, on disk so that memory does not grow with the input. It is made anew from the
 * segments' footers by every run, so it is no state of its own. Its SQLite lock, which the system takes back from a
 * dead process, also keeps a second run out of the directory.
 */
export interface Catalog {
  add(footer: SegmentFooter): void;
  /** The hash of a stream's chunk, null for a chunk of a file; undefined when there is no segment of the chunk. */
  contentHash(chunk: number): string | null | undefined;
  /** The number of the last chunk, or -1. */
  lastChunk(): number;
  /** Where the rejects of each chunk are, in the order of the chunks. */
  rejects(): ({ chunk: number } & Section)[];
  /** The days that have runs, ascending. */
  days(): number[];
  /** The runs of a day in the order of their chunks. */
  runs(day: number): CatalogRun[];
  /** Forgets all segments; the lock stays. */
  clear(): void;
  close(): void;
}

/** @throws {ProtonBeamError} when another process has the catalog open */
export function openCatalog(path: string): Catalog {
  const db = new Database(path);
  try {
    db.run("PRAGMA locking_mode = EXCLUSIVE");
    db.run("PRAGMA journal_mode = MEMORY");
    db.run("PRAGMA synchronous = OFF");
    db.run("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if (errorCode(error) !== "SQLITE_BUSY") throw error;
    throw new ProtonBeamError(
      `another proton-beam is at work in this output directory (it holds ${path})`,
      EXIT.failed,
    );
  }
  db.run("DROP TABLE IF EXISTS run");
  db.run("DROP TABLE IF EXISTS segment");
  db.run(`CREATE TABLE segment (
    chunk INTEGER PRIMARY KEY, hash TEXT, offset INTEGER, length INTEGER, crc INTEGER
  )`);
  db.run(`CREATE TABLE run (
    day INTEGER, chunk INTEGER, offset INTEGER, length INTEGER, crc INTEGER, events INTEGER,
    PRIMARY KEY (day, chunk)
  ) WITHOUT ROWID`);
  const insert = db.prepare<unknown, [number, number, number, number, number, number]>(
    "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)",
  );
  const insertSegment = db.prepare<unknown, [number, string | null, number, number, number]>(
    "INSERT INTO segment VALUES (?, ?, ?, ?, ?)",
  );
  return {
    add: ({ chunk, contentHash, rejects, runs }) => {
      insertSegment.run(chunk, contentHash, rejects.offset, rejects.length, rejects.crc);
      for (const { day, offset, length, crc, events } of runs) insert.run(day, chunk, offset, length, crc, events);
    },
    contentHash: (chunk) =>
      db.query<{ hash: string | null }, [number]>("SELECT hash FROM segment WHERE chunk = ?").get(chunk)?.hash,
    lastChunk: () => db.query<{ last: number | null }, []>("SELECT max(chunk) AS last FROM segment").get()?.last ?? -1,
    rejects: () =>
      db
        .query<{ chunk: number } & Section, []>(
          "SELECT chunk, offset, length, crc FROM segment WHERE length > 0 ORDER BY chunk",
        )
        .all(),
    days: () =>
      db
        .query<{ day: number }, []>("SELECT DISTINCT day FROM run ORDER BY day")
        .all()
        .map(({ day }) => day),
    runs: (day) =>
      db
        .query<CatalogRun, [number]>("SELECT chunk, offset, length, crc, events FROM run WHERE day = ? ORDER BY chunk")
        .all(day),
    clear: () => {
      db.run("DELETE FROM run");
      db.run("DELETE FROM segment");
    },
    close: () => db.close(),
  };
}
