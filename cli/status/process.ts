import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Session } from "../report/history.ts";

/** Clock ticks a second in /proc, the same on all Linux architectures that Bun runs on (proc(5), sysconf(3)). */
const TICKS = 100;
/** What the boot time, given in whole seconds, may be off. */
const SLACK_MS = 2000;

/**
 * Whether the process of a session is there: its number is in use since before the session began. Null when it cannot be
 * known, because it ran on another machine.
 */
export function isAlive({ machine, started }: Session): boolean | null {
  if (machine === null || machine.host !== hostname()) return null;
  const since = processStart(machine.pid);
  return since !== null && since <= started + SLACK_MS;
}

/** When a process started, milliseconds since 1970; null when there is none. */
function processStart(pid: number): number | null {
  try {
    // The second field is a name in parentheses that may hold anything; the start is the 22nd.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    const boot = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1]);
    return (boot + ticks / TICKS) * 1000;
  } catch {
    return null;
  }
}
