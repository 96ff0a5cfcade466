import { closeSync, openSync, readSync } from "node:fs";
import { LOOPS, type Loop, type LoopSpeed } from "./loops.ts";

const SAMPLE_BYTES = 16 * 1024 ** 2;

/** How fast each bare loop is, on all workers together. */
export type Limits = Record<Loop, LoopSpeed>;

/** Runs each bare loop for some time on all workers at once, over the start of a dump. */
export async function measureLimits(input: string, parallel: number, ms: number): Promise<Limits> {
  const bytes = startOf(input);
  const workers = Array.from({ length: parallel }, () => new Worker(new URL("./worker.ts", import.meta.url).href));
  const ask = <T>(worker: Worker, message: unknown) =>
    new Promise<T>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(message);
    });
  try {
    await Promise.all(workers.map((worker) => ask(worker, { bytes })));
    const limits: [Loop, LoopSpeed][] = [];
    for (const loop of LOOPS) {
      const speeds = await Promise.all(workers.map((worker) => ask<LoopSpeed>(worker, { loop, ms })));
      const sumOf = (key: keyof LoopSpeed) => speeds.reduce((sum, speed) => sum + speed[key], 0);
      limits.push([loop, { perSecond: sumOf("perSecond"), cpuSeconds: sumOf("cpuSeconds") / parallel }]);
    }
    return Object.fromEntries(limits) as Limits;
  } finally {
    for (const worker of workers) worker.terminate();
  }
}

/** The mean of what was measured at several times. */
export function meanOf(...limits: Limits[]): Limits {
  const mean = (loop: Loop, key: keyof LoopSpeed) =>
    limits.reduce((sum, { [loop]: speed }) => sum + speed[key], 0) / limits.length;
  const speeds = LOOPS.map((loop) => [
    loop,
    { perSecond: mean(loop, "perSecond"), cpuSeconds: mean(loop, "cpuSeconds") },
  ]);
  return Object.fromEntries(speeds) as Limits;
}

/** How fast one loop after the other is, for each event. */
export function inTurn(a: LoopSpeed, b: LoopSpeed): LoopSpeed {
  return { perSecond: 1 / (1 / a.perSecond + 1 / b.perSecond), cpuSeconds: a.cpuSeconds + b.cpuSeconds };
}

function startOf(path: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(SAMPLE_BYTES);
    const length = readSync(file, bytes);
    // Without the line that is cut off.
    return new Uint8Array(bytes.subarray(0, length < SAMPLE_BYTES ? length : bytes.lastIndexOf(0x0a, length) + 1));
  } finally {
    closeSync(file);
  }
}
