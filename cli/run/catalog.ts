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
  /** The days that have runs, ascending. */
  days(): number[];
  /** The runs of a day in the order of their chunks. */
  runs(day: number): CatalogRun[];
  close(): void;
}

/** @throws {ProtonBeamError} when another process has the catalog open */
export function openCatalog(path: string): Catalog {
  const db = new Database(path);
  try {
    db.run("PRAGMA locking_mode = EXCLUSIVE");
    db.run("PRAGMA journal_mode = OFF");
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
  db.run(`CREATE TABLE run (
    day INTEGER, chunk INTEGER, offset INTEGER, length INTEGER, crc INTEGER, events INTEGER,
    PRIMARY KEY (day, chunk)
  ) WITHOUT ROWID`);
  const insert = db.prepare<unknown, [number, number, number, number, number, number]>(
    "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)",
  );
  return {
    add: ({ chunk, runs }) => {
      for (const { day, offset, length, crc, events } of runs) insert.run(day, chunk, offset, length, crc, events);
    },
    days: () =>
      db
        .query<{ day: number }, []>("SELECT DISTINCT day FROM run ORDER BY day")
        .all()
        .map(({ day }) => day),
    runs: (day) =>
      db
        .query<CatalogRun, [number]>("SELECT chunk, offset, length, crc, events FROM run WHERE day = ? ORDER BY chunk")
        .all(day),
    close: () => db.close(),
  };
}
