import { readFileSync } from "node:fs";
import { readPrices } from "../dataset/prices.ts";
import { errorMessage, interruption } from "../errors.ts";
import { inTime } from "../net/link.ts";
import type { ArchiveStore } from "../run/archive-store.ts";
import type { Manifest } from "../run/manifest.ts";
import { startThread, type TaskOf } from "../threads/pool.ts";
import { readHistory } from "./history.ts";
import type { Logger } from "./log.ts";
import type { Statistics } from "./statistics.ts";

/** What the last report may hold up a run that is complete, when the store does not answer. */
const FINISH_MS = 20_000;

type StatisticsTasks = { statistics: { task: { indexPath: string }; result: Statistics } };
export type StatisticsTask = TaskOf<StatisticsTasks>;

/** Makes the report of a run. What goes wrong is a warning in the log: a report never fails a run. */
export interface Reporter {
  /**
   * Counts over an archive that is about to be published, and puts a first report beside it: a run that is killed after it
   * wrote the manifest has nothing left to do when it is repeated, and no index at hand.
   */
  collect(manifest: Manifest, indexPath: string): Promise<void>;
  /** Puts the last report in its place, with the log up to here; does nothing when nothing was published. */
  finish(): Promise<void>;
}

export interface ReporterOptions {
  store: ArchiveStore;
  logPath: string;
  log: Logger;
  /** Ends the counting, which takes minutes for a billion events. */
  signal: AbortSignal;
}

export function createReporter({ store, logPath, log, signal }: ReporterOptions): Reporter {
  let collected: { manifest: Manifest; statistics: Statistics } | null = null;
  const put = async () => {
    if (collected === null) return;
    // Every start of convert would else load the page and its charts.
    const { renderReport } = await import("./page.ts");
    const history = readHistory(readFileSync(logPath, "utf8"));
    await store.keepReport(
      renderReport({ ...collected, place: store.place, made: new Date(), history, prices: readPrices(null) }),
    );
  };
  const guarded = async (work: () => Promise<void>) => {
    const started = performance.now();
    try {
      await work();
      if (collected !== null) log.info({ seconds: (performance.now() - started) / 1000 }, "report written");
    } catch (error) {
      log.warn({ err: error }, `there is no report of this run: ${errorMessage(error)}`);
    }
  };
  return {
    collect: (manifest, indexPath) =>
      guarded(async () => {
        collected = { manifest, statistics: await countInThread(indexPath, signal) };
        await put();
      }),
    finish: () => guarded(() => inTime(put(), FINISH_MS)),
  };
}

/** A thread, because the lease is to be renewed in the meantime. */
async function countInThread(indexPath: string, signal: AbortSignal): Promise<Statistics> {
  const thread = startThread<StatisticsTasks>(new URL("./report-worker.ts", import.meta.url));
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(interruption());
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([thread.run({ type: "statistics", indexPath }), stopped.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
    thread.terminate();
  }
}
