import { unpackError } from "./errors.ts";
import type { Reply } from "./serve.ts";

/** What threads do: by the name in a task's `type`, what they are given and what they answer. */
export type Tasks = Record<string, { task: object; result: unknown }>;

/** A task of one of the names, with its name in it. */
export type TaskOf<T extends Tasks, Name extends keyof T = keyof T> = {
  [N in Name]: { type: N } & T[N]["task"];
}[Name];

/** A thread that does one task at a time, in the order in which they are given. */
export interface TaskThread<T extends Tasks> {
  run<Name extends keyof T>(task: TaskOf<T, Name>): Promise<T[Name]["result"]>;
  terminate(): void;
}

/** Starts a worker thread. Its module calls `serveTasks`. */
export function startThread<T extends Tasks>(module: URL): TaskThread<T> {
  const worker = new Worker(module.href);
  let isOver = false;
  let giveUp: (() => void) | null = null;
  worker.addEventListener("close", () => {
    isOver = true;
    giveUp?.();
  });
  const ask = <Name extends keyof T>(task: TaskOf<T, Name>) =>
    new Promise<T[Name]["result"]>((resolve, reject) => {
      giveUp = () => reject(new Error("a worker thread ended in the middle of its work"));
      if (isOver) giveUp();
      worker.onmessage = ({ data }: MessageEvent<Reply>) => {
        if (data.type === "failed") reject(unpackError(data.error));
        else resolve(data.result);
      };
      worker.onerror = (event) => reject(new Error(`a worker thread failed: ${event.message}`));
      worker.postMessage(task);
    });
  let last: Promise<unknown> = Promise.resolve();
  return {
    run: (task) => {
      // Several users of a pool may have tasks for the same thread.
      const answer = last.then(() => ask(task));
      last = answer.catch(() => {});
      return answer;
    },
    terminate: () => {
      giveUp = null;
      worker.terminate();
    },
  };
}

/** Up to `size` threads that are started when first needed. */
export interface Pool<T extends Tasks> {
  size: number;
  /**
   * Does all tasks, each on the first free thread; `onResult` sees the results as they come; a thread gets its next
   * task when it is done. Takes no further task once
   * `signal` is aborted or a task has failed; those under way are finished first.
   */
  runAll<Name extends keyof T>(
    tasks: AsyncIterable<TaskOf<T, Name>> | Iterable<TaskOf<T, Name>>,
    onResult: (result: T[Name]["result"], task: TaskOf<T, Name>) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  terminate(): void;
}

export function createPool<T extends Tasks>(module: URL, size: number): Pool<T> {
  const threads: (TaskThread<T> | undefined)[] = new Array(size).fill(undefined);

  return {
    size,
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
          threads[slot] ??= startThread(module);
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

/** Tasks that a thread may be ahead of the reader of the results. */
const AHEAD = 2;

/**
 * Does all tasks on the pool and gives their results in the order of the tasks. The threads are only so far ahead of the
 * reader that memory stays bounded; a reader that wants no more ends the work.
 */
export async function* runInOrder<T extends Tasks, Name extends keyof T>(
  pool: Pool<T>,
  tasks: AsyncIterable<TaskOf<T, Name>> | Iterable<TaskOf<T, Name>>,
): AsyncGenerator<T[Name]["result"]> {
  const stop = new AbortController();
  const results = new Map<number, { result: T[Name]["result"] }>();
  const numbers = new Map<object, number>();
  let given = 0;
  let taken = 0;
  let ended = false;
  let changed = Promise.withResolvers<void>();
  const signalChange = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  async function* paced(): AsyncGenerator<TaskOf<T, Name>> {
    for await (const task of tasks) {
      while (given - taken >= pool.size * AHEAD && !stop.signal.aborted) await changed.promise;
      numbers.set(task, given++);
      yield task;
    }
  }
  const work = pool
    .runAll<Name>(
      paced(),
      (result, task) => {
        results.set(numbers.get(task) ?? 0, { result });
        numbers.delete(task);
        signalChange();
      },
      stop.signal,
    )
    .finally(() => {
      ended = true;
      signalChange();
    });
  work.catch(() => {});
  try {
    for (;;) {
      while (!results.has(taken) && !ended) await changed.promise;
      const next = results.get(taken);
      if (next === undefined) break;
      results.delete(taken++);
      signalChange();
      yield next.result;
    }
    await work;
  } finally {
    stop.abort();
    signalChange();
  }
}

async function* toAsyncIterator<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
