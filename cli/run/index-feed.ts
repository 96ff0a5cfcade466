import type { BucketSettings } from "../store/bucket.ts";
import { startThread } from "../threads/pool.ts";
import {
  CONVERT_WORKER,
  type ConvertTasks,
  type FileDigest,
  type IndexDay,
  type Result,
  type Task,
} from "./protocol.ts";

/** What an index is made of. */
export interface IndexToBuild extends Omit<Task<"index-open">, "type"> {
  /** Its days, ascending. */
  days: IndexDay[];
  /** Where rows are that are not on this disk. */
  bucket: BucketSettings | null;
  /** Told of each day that the index has. */
  onIndexed: (day: number) => void;
}

/** A thread that builds an index from days in ascending order, whatever order they become ready in. */
export interface IndexFeed {
  /** The rows of a day are there. */
  ready(day: number): void;
  /** Resolves when the index is whole. Call it when all days are ready. */
  finish(): Promise<FileDigest>;
  /** Does another task on the same thread, after {@link finish}. */
  run<Name extends keyof ConvertTasks>(task: Task<Name>): Promise<Result<Name>>;
  terminate(): void;
}

export function feedIndex({ days, bucket, onIndexed, ...open }: IndexToBuild): IndexFeed {
  const thread = startThread<ConvertTasks>(CONVERT_WORKER);
  const isReady = new Set<number>();
  let next = 0;
  let queue: Promise<unknown> = thread.run({ type: "index-open", ...open });
  queue.catch(() => {});

  const advance = () => {
    for (; next < days.length && (days[next].from === "index" || isReady.has(days[next].day)); next++) {
      const day = days[next];
      queue = queue.then(() => thread.run({ type: "index-day", day, bucket })).then(() => onIndexed(day.day));
      // Reported by finish(), which waits for the whole queue.
      queue.catch(() => {});
    }
  };
  advance();
  return {
    ready: (day) => {
      isReady.add(day);
      advance();
    },
    finish: async () => {
      await queue;
      return thread.run({ type: "index-finish" });
    },
    run: thread.run,
    terminate: thread.terminate,
  };
}
