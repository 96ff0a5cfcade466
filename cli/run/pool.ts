import { type Reply, type Result, type Task, unpackError } from "./protocol.ts";

/** A thread that does one task at a time. */
export interface TaskThread {
  run<T extends Task>(task: T): Promise<Result<T>>;
  terminate(): void;
}

/** Starts a worker thread. */
export function startThread(): TaskThread {
  const worker = new Worker(new URL("./worker.ts", import.meta.url).href);
  return {
    run: (task) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }: MessageEvent<Reply>) => {
          if (data.type === "failed") reject(unpackError(data.error));
          else resolve(data.result as Result<typeof task>);
        };
        worker.onerror = (event) => reject(new Error(`a worker thread failed: ${event.message}`));
        worker.postMessage(task);
      }),
    terminate: () => worker.terminate(),
  };
}

/** Up to `size` threads that are started when first needed. */
export interface Pool {
  /**
   * Does all tasks, each on the first free thread; `onResult` sees the results as they come; a thread gets its next
   * task when it is done. Takes no further task once
   * `signal` is aborted or a task has failed; those under way are finished first.
   */
  runAll<T extends Task>(
    tasks: AsyncIterable<T> | Iterable<T>,
    onResult: (result: Result<T>, task: T) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  terminate(): void;
}

export function createPool(size: number): Pool {
  const threads: (TaskThread | undefined)[] = new Array(size).fill(undefined);

  return {
    runAll: async (tasks, onResult, signal) => {
      const queue = toAsyncIterator(tasks);
      const failures: unknown[] = [];
      // The source of tasks may itself wait, on standard input for example: that must not hold up the end.
      const stopped = Promise.withResolvers<null>();
      signal.addEventListener("abort", () => stopped.resolve(null), { once: true });
      const work = async (slot: number) => {
        while (!signal.aborted && failures.length === 0) {
          const next = await Promise.race([queue.next(), stopped.promise]);
          if (next === null || next.done) return;
          threads[slot] ??= startThread();
          await onResult(await threads[slot].run(next.value), next.value);
        }
      };
      const guarded = (slot: number) =>
        work(slot).catch((error: unknown) => {
          failures.push(error);
          stopped.resolve(null);
        });
      await Promise.all(threads.map((_, slot) => guarded(slot)));
      if (failures.length > 0) throw failures[0];
    },
    terminate: () => {
      for (const thread of threads) thread?.terminate();
    },
  };
}

async function* toAsyncIterator<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
