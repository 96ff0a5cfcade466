import { rmSync } from "node:fs";
import { varintSize, writeVarint } from "../event/varint.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { createAtomicFile } from "../store/atomic.ts";
import { createContainer, readFrames, type Section } from "../store/container.ts";
import { createDayFileWriter, type Member, readMembers } from "./day-file.ts";
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

/** The file of a day that the archive already has. */
export interface ExistingDay {
  path: string;
  members: Member[];
}

/** What to reduce and where the results go. */
export interface ReduceDay {
  day: number;
  fingerprint: string;
  runs: RunSource[];
  existing: ExistingDay | null;
  filePath: string;
  rowsPath: string;
  compressionLevel: ConvertOptions["compressionLevel"];
}

/**
 * Merges the runs of a day, and the file the archive has of it, into its daily file and its rows file.
 * The rows file is committed last: where it exists, the daily file is whole.
 */
export function reduceDay(job: ReduceDay): DayRecord {
  const incoming = job.runs.reduce((sum, run) => sum + run.events, 0);
  const scratch: string[] = [];
  const file = createAtomicFile(job.filePath);
  const rows = createContainer(job.rowsPath);
  try {
    const runs = narrow(job.runs, `${job.rowsPath}.merge`, scratch);
    const dayFile = createDayFileWriter(file, job.compressionLevel);
    const addRow = createRowWriter(rows);
    let events = 0;
    mergeRuns(openRuns(runs, job.existing), (block, start, end) => {
      addRow(block, start, dayFile.add(block, start, end));
      events++;
    });
    const before = job.existing?.members.reduce((sum, member) => sum + member.events, 0) ?? 0;
    const added = events - before;
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

function openRuns(runs: RunSource[], existing: ExistingDay | null): Iterator<Buffer>[] {
  const opened: Iterator<Buffer>[] = runs.map((run) => readFrames(run.path, run.section));
  if (existing !== null) opened.push(readMembers(existing.path, existing.members));
  return opened;
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
  const header = Buffer.allocUnsafe(8);
  let events = 0;
  try {
    mergeRuns(openRuns(runs, null), (block, start, end) => {
      writeVarint(header, 0, end - start);
      container.append(header.subarray(0, varintSize(end - start)), block.subarray(start, end));
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
