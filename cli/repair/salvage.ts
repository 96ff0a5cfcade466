import { join } from "node:path";
import { splitRecords } from "../archive/day-stream.ts";
import { openFiles } from "../archive/files.ts";
import { errorCode } from "../errors.ts";
import { dayName, dayOf } from "../event/date.ts";
import type { S3Clients } from "../net/s3.ts";
import type { Member } from "../reduce/day-file.ts";
import type { RunSource } from "../reduce/reduce.ts";
import { sortRecords } from "../reduce/sort-records.ts";
import { createRecordWriter } from "../segment/record-writer.ts";
import { type ContainerWriter, createContainer } from "../store/container.ts";
import { dayOfFile } from "../store/layout.ts";
import { openDayIndex } from "../verify/day-index.ts";
import type { Judge } from "../verify/judge.ts";
import { readDayPieces } from "../verify/read-day.ts";
import { createSlicer } from "../verify/slices.ts";

/** A daily file of which the good events are wanted. */
export interface SalvageDay {
  folder: string;
  path: string;
  size: number;
  /** Tells where members begin behind a damaged one; null when it cannot be used. */
  indexPath: string | null;
  /** Where what is made goes. */
  workFolder: string;
}

/** Good events of a file. */
export interface Salvaged {
  path: string;
  /** Those of the file's own day, sorted. */
  runs: RunSource[];
  /** Those of other days. */
  strays: Stray[];
  /** Whether there was nothing but good events. */
  isComplete: boolean;
}

/** Events of `day` that were in the file of another day, not sorted. */
export interface Stray {
  day: number;
  run: RunSource;
}

/** Takes the good events out of a daily file, whatever else is in it. */
export async function salvageDay(job: SalvageDay, judge: Judge, clients: S3Clients): Promise<Salvaged> {
  const { folder, path, size, workFolder } = job;
  const day = dayOfFile(path);
  const files = openFiles({ kind: "local", folder }, clients);
  const strays = createStrayWriter(workFolder, path);
  let isComplete = size > 0;

  /** @returns whether the whole file was read */
  const pass = async function* (members: Member[]): AsyncGenerator<Buffer, boolean> {
    let isWhole = true;
    const slicer = createSlicer(files.stream(path, 0, size));
    try {
      for await (const piece of readDayPieces(path, size, members, slicer)) {
        if (piece.type === "block") yield* goodRecords(piece.block.records);
        else if (piece.type === "damage") isWhole = false;
      }
    } catch (error) {
      // A disk that does not give all: what it gave is kept.
      if (errorCode(error) === null) throw error;
      isWhole = false;
    } finally {
      await slicer.close();
    }
    return isWhole;
  };
  const goodRecords = function* (records: Buffer): Generator<Buffer> {
    for (const { at, start, end } of splitRecords(records)) {
      const { event, fault } = judge(records.subarray(start, end));
      if (event === null || fault !== null) isComplete = false;
      else if (dayOf(event.created_at) === day) yield records.subarray(at, end);
      else strays.add(dayOf(event.created_at), records, start, end);
    }
  };
  const all = async function* (): AsyncGenerator<Buffer> {
    const members = membersOf(job);
    let isWhole = yield* pass(members);
    // The index may be what is wrong; events that are found twice are kept once.
    if (!isWhole && members.length > 0) isWhole = yield* pass([]);
    if (!isWhole) isComplete = false;
  };

  try {
    const runs = await sortRecords(all(), day ?? Number.NaN, join(workFolder, `${path}.runs`));
    return { path, runs, strays: strays.finish(), isComplete };
  } catch (error) {
    strays.abort();
    throw error;
  }
}

/** The members that the index has of a file, if it can be read and they follow each other. */
function membersOf({ indexPath, path }: SalvageDay): Member[] {
  if (indexPath === null) return [];
  try {
    const index = openDayIndex(indexPath, path, null);
    index.close();
    return index.areInRow ? index.members : [];
  } catch {
    return [];
  }
}

/** Gathers events by their day, each day in a container of its own. */
function createStrayWriter(workFolder: string, path: string) {
  const open = new Map<
    number,
    { place: string; container: ContainerWriter; append: ReturnType<typeof createRecordWriter>; events: number }
  >();
  const writerOf = (day: number) => {
    const known = open.get(day);
    if (known !== undefined) return known;
    const place = join(workFolder, `${dayName(day)}.from-${path}.strays`);
    const container = createContainer(place);
    const writer = { place, container, append: createRecordWriter(container), events: 0 };
    open.set(day, writer);
    return writer;
  };
  return {
    add: (day: number, block: Buffer, start: number, end: number) => {
      const writer = writerOf(day);
      writer.append(block, start, end);
      writer.events++;
    },
    finish: (): Stray[] =>
      [...open].map(([day, { place, container, events }]) => {
        const section = container.endSection();
        container.commit(null);
        return { day, run: { path: place, section, events } };
      }),
    abort: () => {
      for (const { container } of open.values()) container.abort();
    },
  };
}
