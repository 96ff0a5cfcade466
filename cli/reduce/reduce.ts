import { rmSync } from "node:fs";
import { copyRecordKeys, recordCreatedAt, recordKind } from "../event/record.ts";
import { createTagHasher } from "../index/tags.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { createRecordWriter } from "../segment/record-writer.ts";
import { createAtomicFile } from "../store/atomic.ts";
import { createContainer, readFrames, type Section } from "../store/container.ts";
import { countEvents, createDayFileWriter, type Member, readMembers } from "./day-file.ts";
import { createRowWriter, type DayRecord } from "./day-rows.ts";
import { mergeRuns } from "./merge.ts";

/** Runs merged at once: bounds the memory of a reduce to about this many frames (256 KiB each). */
const FAN_IN = 256;

/** A run of one day, and the container that holds it. */
export interface RunSource {
  path: string;
  section: Section;
  events: number;
}

/** A sorted file of a day: of the archive that is added to, its base, or of one that is joined to it. */
export interface ExistingDay {
  path: string;
  members: Member[];
  role: "base" | "joined";
}

/** What to reduce and where the results go. */
export interface ReduceDay {
  day: number;
  fingerprint: string;
  runs: RunSource[];
  /** Files of the day that are merged with the runs. */
  existing: ExistingDay[];
  /** Letters whose tags the index can look up. */
  indexTags: string[];
  filePath: string;
  rowsPath: string;
  compressionLevel: ConvertOptions["compressionLevel"];
}

/**
 * Merges the runs of a day, and the files that archives have of it, into its daily file and its rows file.
 * The rows file is committed last: where it exists, the daily file is whole.
 */
export function reduceDay(job: ReduceDay): DayRecord {
  const eventsOf = (role: ExistingDay["role"]) =>
    countEvents(job.existing.filter((file) => file.role === role).flatMap(({ members }) => members));
  const incoming = job.runs.reduce((sum, run) => sum + run.events, eventsOf("joined"));
  const scratch: string[] = [];
  const file = createAtomicFile(job.filePath);
  const rows = createContainer(job.rowsPath);
  try {
    const runs = narrow(job.runs, `${job.rowsPath}.merge`, scratch);
    const dayFile = createDayFileWriter(file, job.compressionLevel);
    const addRow = createRowWriter(rows);
    const tagsOf = createTagHasher(job.indexTags);
    const keys = Buffer.allocUnsafe(64);
    const [id, pubkey] = [keys.subarray(0, 32), keys.subarray(32)];
    let events = 0;
    mergeRuns(openRuns(runs, job.existing), (block, start, end) => {
      const { member, position } = dayFile.add(block, start, end);
      copyRecordKeys(block, start, keys, 0);
      const createdAt = recordCreatedAt(block, start);
      const kind = recordKind(block, start);
      addRow({ id, pubkey, createdAt, kind, member, position, tags: tagsOf(block, start, end) });
      events++;
    });
    const added = events - eventsOf("base");
    const record: DayRecord = {
      day: job.day,
      fingerprint: job.fingerprint,
      ...dayFile.finish(),
      events,
      added,
      duplicates: incoming - added,
      rows: rows.endSection(),
    };
    file.commit();
    rows.commit(record);
    return record;
  } catch (error) {
    file.abort();
    rows.abort();
    throw error;
  } finally {
    for (const path of scratch) rmSync(path, { force: true });
  }
}

function openRuns(runs: RunSource[], existing: ExistingDay[]): Iterator<Buffer>[] {
  return [
    ...runs.map((run) => readFrames(run.path, run.section)),
    ...existing.map(({ path, members }) => readMembers(path, members)),
  ];
}

/** Merges groups of runs into longer ones on disk until one merge can take them all. */
function narrow(runs: RunSource[], scratchPath: string, scratch: string[]): RunSource[] {
  let current = runs;
  while (current.length > FAN_IN) {
    const merged: RunSource[] = [];
    for (let at = 0; at < current.length; at += FAN_IN) {
      const path = `${scratchPath}${scratch.length}.tmp`;
      scratch.push(path);
      merged.push(mergeToContainer(current.slice(at, at + FAN_IN), path));
    }
    current = merged;
  }
  return current;
}

function mergeToContainer(runs: RunSource[], path: string): RunSource {
  const container = createContainer(path);
  const append = createRecordWriter(container);
  let events = 0;
  try {
    mergeRuns(openRuns(runs, []), (block, start, end) => {
      append(block, start, end);
      events++;
    });
    const section = container.endSection();
    container.commit(null);
    return { path, section, events };
  } catch (error) {
    container.abort();
    throw error;
  }
}
