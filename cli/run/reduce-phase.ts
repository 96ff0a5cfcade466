import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { ArchiveLocation } from "../archive/location.ts";
import { openIndex } from "../index/read.ts";
import { countEvents, type Member } from "../reduce/day-file.ts";
import type { DaySummary } from "../reduce/day-rows.ts";
import { UnsortedError } from "../reduce/merge.ts";
import { dayDone, emptyPhase } from "../report/progress.ts";
import type { ExistingRejects } from "../segment/rejects.ts";
import { dayFileName, dayOfFile, INDEX_FILE, REJECTED_FILE, workKeys } from "../store/layout.ts";
import { workOrder } from "./day-order.ts";
import { feedIndex, type IndexToBuild } from "./index-feed.ts";
import type { FileRecord, Manifest } from "./manifest.ts";
import type { DayCopy, StoredRun, Task } from "./protocol.ts";
import type { Run } from "./run.ts";

/** What the reduce made. */
export interface ReducedDays {
  /** The files that are to be published. */
  made: FileRecord[];
  /** Events of the days that were made. */
  events: number;
  /** Days of the archive, those included that this run did not touch. */
  days: number;
  /** Events that were in another chunk, or in the archive before. */
  duplicates: number;
  /** Daily files that were there already. */
  reused: number;
}

/** Which days a run makes, and of what. */
export interface DaysToMake {
  /** Ascending. */
  days: number[];
  runs(day: number): StoredRun[];
  /** The files that archives have of a day. */
  existing(day: number): DayCopy[];
  /** What the index says of the file that is made, Unix seconds. */
  indexedAt(day: number): number | null;
  /** Rejects that are to be kept before those of the segments. */
  rejects: ExistingRejects[];
}

/** Merges what there is of every day into its daily file, and builds the index from the results while they are made. */
export async function reduceDays(run: Run, toMake: DaysToMake): Promise<ReducedDays> {
  const { pool, context, store } = run;
  const touched = toMake.days;
  const records = new Map<number, DaySummary>();
  let state = emptyPhase("days", touched.length);
  const show = context.progress.phase("Writing", state);

  const days = mergeDays(touched, daysOf(run.manifest));
  const index = feedIndex(indexOf(run, days, toMake));
  try {
    await pool.runAll(
      reduceTasks(run, toMake),
      async ({ record, origin }) => {
        records.set(record.day, record);
        const isReused = origin !== "made";
        state = dayDone(state, record.events, isReused);
        show(state);
        const { size, events, added, duplicates } = record;
        context.log.debug(
          { file: dayFileName(record.day), reused: isReused, size, events, added, duplicates },
          "day ready",
        );
        await store.keepDay(record, origin === "kept");
        context.meter.count(isReused ? { steps: 1 } : { steps: 1, days: 1, events: added, handled: events });
        index.ready(record.day);
      },
      context.signal,
    );
    const daily = [...records.values()].map(({ day, size, sha256 }) => ({ path: dayFileName(day), size, sha256 }));
    const sumOf = (count: "events" | "duplicates") => records.values().reduce((sum, record) => sum + record[count], 0);
    const { reused } = state;
    const reduced = { events: sumOf("events"), days: days.length, duplicates: sumOf("duplicates"), reused };
    if (context.signal.aborted) return { made: daily, ...reduced };

    context.log.info({ touched: touched.length, reused }, "all days are written");
    context.progress.phase("Indexing", { ...state, reused: 0, reusedEvents: 0 });
    const indexFile = { path: INDEX_FILE, ...(await index.finish()) };
    context.meter.count({ steps: 1 });
    const rejectedFile = { path: REJECTED_FILE, ...(await index.run(rejectsTask(run, toMake.rejects))) };
    context.progress.end();
    context.log.info({ days: days.length, bytes: indexFile.size }, "the index is built");
    return { made: [...daily, indexFile, rejectedFile], ...reduced };
  } finally {
    index.terminate();
  }
}

function* reduceTasks(run: Run, { days, runs, existing }: DaysToMake): Generator<Task<"reduce">> {
  const { layout, fingerprint, outputDir, plan, pool, store } = run;
  const eventsOf = (day: number) => runs(day).reduce((sum, { events }) => sum + events, 0);
  for (const day of workOrder(days, eventsOf, pool.size)) {
    const { fileKey, hasRows } = store.keptDay(day);
    yield {
      type: "reduce",
      bucket: store.bucket,
      places: {
        publishedPath: join(outputDir, dayFileName(day)),
        fileKey,
        rowsKey: hasRows ? workKeys.dayRows(day) : null,
      },
      existing: existing(day),
      job: {
        day,
        fingerprint,
        runs: runs(day),
        filePath: join(layout.days, dayFileName(day)),
        rowsPath: layout.dayRows(day),
        compressionLevel: plan.options.compressionLevel,
        indexTags: plan.indexTags,
      },
    };
  }
}

/**
 * What a conversion makes: the days of its segments, added to those of the archive.
 * @param modified when the newest input was modified, Unix seconds; null when one is a stream
 */
export function convertedDays(run: Run, modified: number | null): DaysToMake {
  const { catalog, layout, manifest, outputDir, store } = run;
  const location: ArchiveLocation =
    store.bucket === null ? { kind: "local", folder: outputDir } : { kind: "s3", settings: store.bucket };
  const existingDays = new Set(daysOf(manifest));
  const rejected = manifest?.files.find(({ path }) => path === REJECTED_FILE);
  return {
    days: catalog.days(),
    runs: (day) =>
      catalog.runs(day).map(({ chunk, offset, length, crc, events }) => ({
        path: layout.segment(chunk),
        key: workKeys.segment(chunk),
        section: { offset, length, crc },
        events,
      })),
    existing: (day) => {
      const path = dayFileName(day);
      return existingDays.has(day)
        ? [{ location, path, members: membersOf(store.existingIndex, path), role: "base" }]
        : [];
    },
    indexedAt: () => modified,
    // The manifest's size marks what earlier runs wrote: a run that was killed while publishing may have added to it.
    rejects: rejected === undefined || repeatsAll(run) ? [] : [{ path: store.existingRejects, size: rejected.size }],
  };
}

/** Whether a run repeats all that the archive was made of, because a repair had to give some of it up: it rejects the same lines again. */
function repeatsAll({ plan, manifest }: Run): boolean {
  // Whose the rejects of an archive are that lost its manifest, nobody knows.
  if (manifest === null || manifest.runs.length === 0) return false;
  const isRepeated = ({ whole, options, inputs }: Manifest["runs"][number]) =>
    !whole &&
    isDeepStrictEqual(options, plan.options) &&
    inputs.every((input) => plan.inputs.some((known) => isDeepStrictEqual(known, input)));
  return manifest.runs.every(isRepeated);
}

/** @throws {UnsortedError} when the file holds an event more than once: what is added could not be counted */
function membersOf(indexPath: string, path: string): Member[] {
  const index = openIndex(indexPath);
  try {
    const members = index.members(path);
    const { from, to } = index.rowNumbers(path);
    // A row for each event, or some are there twice.
    if (to - from !== countEvents(members)) throw new UnsortedError();
    return members;
  } finally {
    index.close();
  }
}

/** Days for which the archive has a file. */
function daysOf(manifest: Manifest | null): number[] {
  return (manifest?.files ?? []).flatMap(({ path }) => dayOfFile(path) ?? []);
}

function mergeDays(a: number[], b: number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}

/** The index of the days that are made, and of those that the archive has besides. */
function indexOf(run: Run, days: number[], toMake: DaysToMake): IndexToBuild {
  const { plan, manifest, layout, store, fingerprint, context } = run;
  const touched = new Set(toMake.days);
  return {
    path: join(layout.root, INDEX_FILE),
    tags: plan.indexTags,
    base: manifest === null ? null : store.existingIndex,
    bucket: store.bucket,
    days: days.map((day) => {
      const path = dayFileName(day);
      if (!touched.has(day)) return { from: "index", path, day };
      const indexedAt = toMake.indexedAt(day);
      const rowsPath = layout.dayRows(day);
      return { from: "rows", path, day, rowsPath, rowsKey: workKeys.dayRows(day), fingerprint, indexedAt };
    }),
    onIndexed: (day) => {
      store.indexed(day);
      context.meter.count({ steps: 1 });
    },
  };
}

function rejectsTask({ catalog, layout, store }: Run, existing: ExistingRejects[]): Task<"rejects"> {
  return {
    type: "rejects",
    sections: catalog.rejects().map(({ chunk, ...section }) => ({
      path: layout.segment(chunk),
      key: workKeys.segment(chunk),
      section,
    })),
    existing,
    path: join(layout.root, REJECTED_FILE),
    bucket: store.bucket,
  };
}
