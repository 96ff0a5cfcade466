import { readDayParts } from "../archive/day-stream.ts";
import type { Archive } from "../archive/open.ts";
import { errorMessage, interruption, ProtonBeamError } from "../errors.ts";
import type { IndexReader } from "../index/read.ts";
import { emptyPhase, type Progress } from "../report/progress.ts";
import { createPool, runInOrder, type TaskOf } from "../threads/pool.ts";
import type { ExportDay } from "./days.ts";
import { damagedMember, type EncodedGroup, EXPORT_WORKER, type ExportTasks } from "./encode.ts";
import type { Encoding } from "./encoding.ts";
import { createFraming } from "./framing.ts";
import { cutGroups, type DayMembers, type LargeMember } from "./groups.ts";
import type { Output } from "./output.ts";
import type { TimeRange } from "./time-range.ts";

/** Uncompressed bytes of daily files that a thread encodes at once. In Parquet they are a row group. */
const GROUP_BYTES = { jsonl: 8 * 1024 ** 2, parquet: 32 * 1024 ** 2 };

/** A file that is to be written, of one or more days. */
export interface Target {
  days: ExportDay[];
  open(): Output;
}

export interface ExportJob {
  archive: Archive;
  index: IndexReader;
  targets: Target[];
  range: TimeRange;
  encoding: Encoding;
  parallel: number;
}

type Task = TaskOf<ExportTasks, "encode">;

/** Where a group goes, and the bytes of daily files that are done with it. */
interface Step {
  target: Target;
  stored: number;
}

/**
 * Writes the targets one after the other. Their bytes depend on the archive and the encoding only, not on the number of
 * threads. One that is not finished is aborted.
 * @throws {ProtonBeamError} when the archive is damaged, or `signal` is aborted; the system's error when writing fails
 */
export async function writeTargets(
  job: ExportJob,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ events: number; bytes: number }> {
  const { targets, encoding } = job;
  const total = targets.flatMap(({ days }) => days).reduce((sum, { size }) => sum + size, 0);
  let state = emptyPhase("bytes", total);
  const show = progress.phase("Export", state);
  const pool = createPool<ExportTasks>(EXPORT_WORKER, job.parallel);
  const steps: Step[] = [];
  let bytes = 0;
  let file: OpenFile | null = null;
  try {
    for await (const group of runInOrder<ExportTasks, "encode">(pool, tasksOf(job, steps))) {
      if (signal.aborted) throw interruption();
      const { target = targets[0], stored = 0 } = steps.shift() ?? {};
      if (file?.target !== target) {
        bytes += (await file?.finish()) ?? 0;
        // What is finished must not be aborted when the next one cannot be opened.
        file = null;
        file = await openFile(target, encoding);
      }
      await file.add(group);
      state = { ...state, done: state.done + stored, events: state.events + group.events };
      show(state);
    }
    // Of no events an empty file is made.
    if (file === null && targets.length > 0) file = await openFile(targets[0], encoding);
    bytes += (await file?.finish()) ?? 0;
  } catch (error) {
    file?.abort();
    throw error;
  } finally {
    pool.terminate();
  }
  return { events: state.events, bytes };
}

interface OpenFile {
  target: Target;
  add(group: EncodedGroup): Promise<void>;
  /** @returns the bytes of the file */
  finish(): Promise<number>;
  abort(): void;
}

async function openFile(target: Target, encoding: Encoding): Promise<OpenFile> {
  const output = target.open();
  const framing = createFraming(encoding);
  let size = 0;
  const write = async (bytes: Uint8Array) => {
    if (bytes.length > 0) await output.write(bytes);
    size += bytes.length;
  };
  try {
    await write(framing.begin());
  } catch (error) {
    output.abort();
    throw error;
  }
  return {
    target,
    add: (group) => write(framing.add(group)),
    finish: async () => {
      await write(framing.end());
      output.commit();
      return size;
    },
    abort: output.abort,
  };
}

/** The groups of all targets in their order; what each is goes to `steps`. */
async function* tasksOf({ archive, index, targets, range, encoding }: ExportJob, steps: Step[]): AsyncGenerator<Task> {
  const { location } = archive;
  for (const target of targets) {
    for (const group of cutGroups(membersOf(target, index), GROUP_BYTES[encoding.format])) {
      if (group.kind === "members") {
        steps.push({ target, stored: storedBytes(group.pieces) });
        yield { type: "encode", location, source: group, range, encoding };
        continue;
      }
      for await (const records of streamMember(archive, group, GROUP_BYTES[encoding.format])) {
        steps.push({ target, stored: 0 });
        yield { type: "encode", location, source: { kind: "records", path: group.path, records }, range, encoding };
      }
    }
  }
}

function* membersOf({ days }: Target, index: IndexReader): Generator<DayMembers> {
  for (const { path } of days) yield { path, members: index.members(path) };
}

function storedBytes(pieces: DayMembers[]): number {
  return pieces.flatMap(({ members }) => members).reduce((sum, { length }) => sum + length, 0);
}

/** The events of a large member, by about `bytes`. Threads cannot enter it in its middle. */
async function* streamMember({ files }: Archive, { path, member }: LargeMember, bytes: number): AsyncGenerator<Buffer> {
  const place = files.place(path);
  const { offset, length } = member;
  let blocks: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of readDayParts(place, files.stream(path, offset, offset + length))) {
      if ("member" in part) continue;
      blocks.push(Buffer.from(part.block.records));
      size += part.block.records.length;
      if (size < bytes) continue;
      yield Buffer.concat(blocks);
      blocks = [];
      size = 0;
    }
  } catch (error) {
    throw error instanceof ProtonBeamError ? error : damagedMember(place, offset, errorMessage(error));
  }
  if (size > 0) yield Buffer.concat(blocks);
}
