import { Database } from "bun:sqlite";
import { join } from "node:path";
import { SECONDS_PER_DAY } from "../event/date.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { type IndexRow, readRows } from "../reduce/day-rows.ts";
import { type RunSource, reduceDay } from "../reduce/reduce.ts";
import { sortRecords } from "../reduce/sort-records.ts";
import type { FileDigest } from "../run/protocol.ts";
import { writeAtomically } from "../store/atomic.ts";
import { readFrames } from "../store/container.ts";
import { dayFileName } from "../store/layout.ts";

const ID_BYTES = 32;
const LINES_AT_ONCE = 1000;

/** A daily file that is to be written anew from good events. */
export interface RemakeDay {
  day: number;
  runs: RunSource[];
  /** Events that were in files of other days, not sorted. */
  strays: RunSource[];
  /** gzip levels that it may have had, the likeliest first. */
  levels: ConvertOptions["compressionLevel"][];
  /** What the manifest says of it. */
  recorded: FileDigest | null;
  /** Says which events there were; null when it cannot be used. */
  indexPath: string | null;
  workFolder: string;
}

export interface RemadeDay {
  day: number;
  /** Null when there are no events. */
  file: (FileDigest & { events: number }) | null;
  /** Events that the index has and the file has not; null when the index cannot tell. */
  lost: number | null;
}

/** The list of the lost ids of a day, one a line. */
export function lostPath(workFolder: string, day: number): string {
  return join(workFolder, `${dayFileName(day)}.lost`);
}

/** Writes a daily file, with the level that makes it the one of the manifest if there is such a level. */
export async function remakeDay(job: RemakeDay): Promise<RemadeDay> {
  const { day, levels, recorded, workFolder, indexPath } = job;
  const path = join(workFolder, dayFileName(day));
  const runs = [...job.runs];
  for (const [i, stray] of job.strays.entries())
    runs.push(...(await sortRecords(blocksOf(stray), day, `${path}.strays${i}`)));
  if (runs.length === 0) return { day, file: null, lost: writeLost(job, []) };

  const make = (compressionLevel: ConvertOptions["compressionLevel"]) =>
    reduceDay({
      day,
      fingerprint: "",
      runs,
      existing: [],
      indexTags: [],
      filePath: path,
      rowsPath: `${path}.rows`,
      compressionLevel,
    });
  let record = make(levels[0]);
  for (const level of levels.slice(1)) {
    if (recorded === null || record.sha256 === recorded.sha256) break;
    record = make(level);
  }
  if (levels.length > 1 && record.sha256 !== recorded?.sha256) record = make(levels[0]);
  const { size, sha256, events } = record;
  const isOriginal = sha256 === recorded?.sha256;
  const lost = isOriginal ? 0 : indexPath === null ? null : writeLost(job, readRows(`${path}.rows`, record.rows));
  return { day, file: { size, sha256, events }, lost };
}

async function* blocksOf({ path, section }: RunSource): AsyncGenerator<Buffer> {
  yield* readFrames(path, section);
}

/** Lists the events of the index that are not among `kept`, which are sorted. @returns how many; null when the index is damaged */
function writeLost({ day, indexPath, workFolder }: RemakeDay, kept: Iterable<IndexRow>): number | null {
  if (indexPath === null) return null;
  try {
    const db = new Database(indexPath, { readonly: true });
    try {
      const from = day * SECONDS_PER_DAY;
      const known = db
        .query<KnownRow, [number, number]>(
          "SELECT id, created_at AS createdAt FROM event WHERE created_at >= ? AND created_at < ? ORDER BY created_at, id",
        )
        .iterate(from, from + SECONDS_PER_DAY);
      return writeAtomically(lostPath(workFolder, day), (file) => {
        let lines: string[] = [];
        let count = 0;
        const flush = () => {
          file.write(Buffer.from(lines.join("")));
          lines = [];
        };
        for (const id of missingFrom(known, kept[Symbol.iterator]())) {
          count++;
          lines.push(`${Buffer.from(id).toString("hex")}\n`);
          if (lines.length === LINES_AT_ONCE) flush();
        }
        flush();
        return count;
      });
    } finally {
      db.close();
    }
  } catch {
    return null;
  }
}

type KnownRow = Pick<IndexRow, "id" | "createdAt">;

/** The ids of `known` that are not among `kept`; both are sorted by created_at and id. */
function* missingFrom(known: Iterable<KnownRow>, kept: Iterator<IndexRow>): Generator<Uint8Array> {
  let next = kept.next();
  for (const row of known) {
    while (!next.done && compareRows(next.value, row) < 0) next = kept.next();
    if (next.done || compareRows(next.value, row) !== 0) yield row.id;
  }
}

function compareRows(a: KnownRow, b: KnownRow): number {
  return a.createdAt - b.createdAt || Buffer.compare(a.id.subarray(0, ID_BYTES), b.id);
}
