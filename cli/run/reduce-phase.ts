import { join } from "node:path";
import { parseDayName } from "../event/date.ts";
import { openIndex } from "../index/read.ts";
import type { DaySummary } from "../reduce/day-rows.ts";
import type { ExistingDay } from "../reduce/reduce.ts";
import { emptyPhase } from "../report/progress.ts";
import { DAY_FILE, dayFileName, INDEX_FILE, REJECTED_FILE, workKeys } from "../store/layout.ts";
import { startThread, type TaskThread } from "../threads/pool.ts";
import type { FileRecord, Manifest } from "./manifest.ts";
import { CONVERT_WORKER, type ConvertTasks, type IndexDay, type Task } from "./protocol.ts";
import type { Run } from "./run.ts";

/** What the reduce made. */
export interface ReducedDays {
  /** The files that are to be published. */
  made: FileRecord[];
  /** Days of the archive, those included that this run did not touch. */
  days: number;
  /** Events that were in another chunk, or in the archive before. */
  duplicates: number;
  /** Daily files that were there already. */
  reused: number;
}

/**
 * Merges the runs of every day into its daily file, and builds the index from the results while they are made.
 * @param indexedAt what the index says of the files made here, Unix seconds
 */
export async function reduceDays(run: Run, indexedAt: number | null): Promise<ReducedDays> {
  const { catalog, pool, context, store } = run;
  const touched = catalog.days();
  const records = new Map<number, DaySummary>();
  let reused = 0;
  let state = emptyPhase("days", touched.length);
  const show = context.progress.phase("Writing", state);

  const indexThread = startThread<ConvertTasks>(CONVERT_WORKER);
  try {
    const days = mergeDays(touched, daysOf(run.manifest));
    const index = startIndex(indexThread, run, days, new Set(touched), indexedAt);
    await pool.runAll(
      reduceTasks(run, touched),
      async ({ record, origin }) => {
        records.set(record.day, record);
        const isReused = origin !== "made";
        if (isReused) reused++;
        state = {
          ...state,
          done: state.done + 1,
          reused,
          events: state.events + record.events,
          reusedEvents: state.reusedEvents + (isReused ? record.events : 0),
        };
        show(state);
        const { size, events, added, duplicates } = record;
        context.log.debug(
          { file: dayFileName(record.day), reused: isReused, size, events, added, duplicates },
          "day ready",
        );
        await store.keepDay(record, origin === "kept");
        context.meter.count(isReused ? { steps: 1 } : { steps: 1, days: 1, events: added, handled: events });
        index.made(record.day);
      },
      context.signal,
    );
    const daily = [...records.values()].map(({ day, size, sha256 }) => ({ path: dayFileName(day), size, sha256 }));
    const duplicates = [...records.values()].reduce((sum, record) => sum + record.duplicates, 0);
    if (context.signal.aborted) return { made: daily, days: days.length, duplicates, reused };

    context.log.info({ touched: touched.length, reused }, "all days are written");
    context.progress.phase("Indexing", { ...state, reused: 0, reusedEvents: 0 });
    const indexFile = { path: INDEX_FILE, ...(await index.finish()) };
    context.meter.count({ steps: 1 });
    const rejectedFile = { path: REJECTED_FILE, ...(await indexThread.run(rejectsTask(run))) };
    context.progress.end();
    context.log.info({ days: days.length, bytes: indexFile.size }, "the index is built");
    return { made: [...daily, indexFile, rejectedFile], days: days.length, duplicates, reused };
  } finally {
    indexThread.terminate();
  }
}

function* reduceTasks(run: Run, days: number[]): Generator<Task<"reduce">> {
  const { catalog, layout, fingerprint, outputDir, plan, store } = run;
  const existingDays = new Set(daysOf(run.manifest));
  for (const day of days) {
    const runs = catalog.runs(day).map(({ chunk, offset, length, crc, events }) => ({
      path: layout.segment(chunk),
      key: workKeys.segment(chunk),
      section: { offset, length, crc },
      events,
    }));
    const publishedPath = join(outputDir, dayFileName(day));
    const { fileKey, hasRows } = store.keptDay(day);
    const isExisting = existingDays.has(day);
    yield {
      type: "reduce",
      bucket: store.bucket,
      places: {
        publishedPath,
        fileKey,
        rowsKey: hasRows ? workKeys.dayRows(day) : null,
        existingKey: isExisting ? dayFileName(day) : null,
      },
      job: {
        day,
        fingerprint,
        runs,
        existing: isExisting ? existingDay(store.existingIndex, publishedPath, day) : null,
        filePath: join(layout.days, dayFileName(day)),
        rowsPath: layout.dayRows(day),
        compressionLevel: plan.options.compressionLevel,
      },
    };
  }
}

function existingDay(indexPath: string, path: string, day: number): ExistingDay {
  const index = openIndex(indexPath);
  try {
    return { path, members: index.members(dayFileName(day)) };
  } finally {
    index.close();
  }
}

/** Days for which the archive has a file. */
function daysOf(manifest: Manifest | null): number[] {
  return (manifest?.files ?? []).flatMap(({ path }) => {
    const day = DAY_FILE.test(path) ? parseDayName(path.slice(0, 10)) : null;
    return day === null ? [] : [day];
  });
}

function mergeDays(a: number[], b: number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}

/** Feeds the index thread with the days in ascending order, whatever order they are made in. */
function startIndex(
  thread: TaskThread<ConvertTasks>,
  run: Run,
  days: number[],
  touched: Set<number>,
  indexedAt: number | null,
) {
  const { layout, store, fingerprint, context } = run;
  const ready = new Set<number>();
  let next = 0;
  let queue: Promise<unknown> = thread.run({ type: "index-open", path: join(layout.root, INDEX_FILE) });
  queue.catch(() => {});

  const dayOfIndex = (day: number): IndexDay => {
    const path = dayFileName(day);
    return touched.has(day)
      ? { from: "rows", path, day, rowsPath: layout.dayRows(day), rowsKey: workKeys.dayRows(day), indexedAt }
      : { from: "index", path, day, indexPath: store.existingIndex };
  };
  const advance = () => {
    for (; next < days.length && (ready.has(days[next]) || !touched.has(days[next])); next++) {
      const day = dayOfIndex(days[next]);
      queue = queue
        .then(() => thread.run({ type: "index-day", day, fingerprint, bucket: store.bucket }))
        .then(() => {
          store.indexed(day.day);
          context.meter.count({ steps: 1 });
        });
      // Reported by finish(), which waits for the whole queue.
      queue.catch(() => {});
    }
  };
  advance();
  return {
    made: (day: number) => {
      ready.add(day);
      advance();
    },
    finish: async () => {
      await queue;
      return thread.run({ type: "index-finish" });
    },
  };
}

/** The manifest's size marks what earlier runs wrote: a run that was killed while publishing may have added to it. */
function rejectsTask({ catalog, layout, manifest, store }: Run): Task<"rejects"> {
  const size = manifest?.files.find(({ path }) => path === REJECTED_FILE)?.size ?? 0;
  return {
    type: "rejects",
    sections: catalog.rejects().map(({ chunk, ...section }) => ({
      path: layout.segment(chunk),
      key: workKeys.segment(chunk),
      section,
    })),
    existing: size === 0 ? null : { path: store.existingRejects, size },
    path: join(layout.root, REJECTED_FILE),
    bucket: store.bucket,
  };
}
