import { readFileSync } from "node:fs";
import { pollUntilExit } from "./bench/poll.ts";

const POLL_MS = 20;

/**
 * Waits for a child to end and gives the most memory it had resident, bytes (VmHWM of proc(5)). The figure of wait4(2)
 * is no use here: it starts with that of the parent.
 */
export async function peakMemory(child: Bun.Subprocess): Promise<number> {
  let peak = 0;
  await pollUntilExit(child, POLL_MS, () => {
    peak = Math.max(peak, residentPeak(child.pid));
  });
  return peak;
}

function residentPeak(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    // It ended in between.
    return 0;
  }
}
