import { readdirSync, readFileSync } from "node:fs";
import { pollUntilExit } from "./poll.ts";

const POLL_MS = 50;

/** CPU time of a process, seconds, by who used it. */
export interface ThreadTimes {
  /** All threads to the end (wait4(2)). */
  total: number;
  main: number;
  /** The JavaScript worker threads, in the order in which they were started. */
  workers: number[];
}

/**
 * Waits for a child to end and gives the CPU time of its threads, as proc(5) last showed it: what a thread did in its
 * last 50 ms may be missing.
 */
export async function threadTimes(child: Bun.Subprocess): Promise<ThreadTimes> {
  const { pid } = child;
  // With the name that each was last seen with: a new thread has that of the one that started it.
  const threads = new Map<number, { name: string; seconds: number }>();
  await pollUntilExit(child, POLL_MS, () => {
    for (const { id, ...thread } of threadsOf(pid)) threads.set(id, thread);
  });
  const workers = [...threads].filter(([, { name }]) => name === "Worker").sort(([a], [b]) => a - b);
  return {
    total: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6,
    main: threads.get(pid)?.seconds ?? 0,
    workers: workers.map(([, { seconds }]) => seconds),
  };
}

function threadsOf(pid: number) {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((id) => timesOf(pid, Number(id)));
  } catch {
    // It ended in between.
    return [];
  }
}

function timesOf(pid: number, id: number) {
  const folder = `/proc/${pid}/task/${id}`;
  try {
    const name = readFileSync(`${folder}/comm`, "utf8").trim();
    const nanoseconds = readFileSync(`${folder}/schedstat`, "utf8").split(" ")[0];
    return [{ id, name, seconds: Number(nanoseconds) / 1e9 }];
  } catch {
    // It ended in between.
    return [];
  }
}
