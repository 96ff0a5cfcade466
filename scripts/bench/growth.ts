import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Bench, chunkBytesFor, convert } from "./bench.ts";
import type { Conversion } from "./conversion.ts";
import { copyStart } from "./dumps.ts";
import { fitLine } from "./line-fit.ts";
import { megabytes, microseconds, percent, ratio, seconds } from "./table.ts";

const SHARES = [0.1, 0.2, 0.5, 1];
const LEAST_R2 = 0.99;
const MAIN_THREAD_GOAL = 0.03;
const MOST_MEMORY = 1.2;

/**
 * Time and memory as the input grows tenfold. The chunks are those of the smallest input: else the last chunk, for
 * which other workers wait, would be a large part of its time and a small one of the others'.
 */
export async function measureGrowth(bench: Bench, input: string): Promise<void> {
  const { table, folder } = bench;
  const start = join(folder, "start.jsonl");
  const conversions: Conversion[] = [];
  let chunkBytes = 0;
  for (const share of SHARES) {
    copyStart(input, share, start);
    if (chunkBytes === 0) chunkBytes = chunkBytesFor(start);
    conversions.push(await convert(bench, start, { chunkBytes }));
  }
  rmSync(start);

  table.section(`growth, without signatures, in chunks of ${(chunkBytes / 1e6).toFixed(1)} MB`);
  for (const { lines, seconds: time } of conversions)
    table.figure(`${lines.toLocaleString("en-US")} lines`, time, seconds);
  const fit = fitLine(conversions.map(({ lines: x, seconds: y }) => ({ x, y })));
  const mainThread = fitLine(conversions.map(({ lines: x, cpu }) => ({ x, y: cpu.main })));
  const all = fitLine(conversions.map(({ lines: x, cpu }) => ({ x, y: cpu.total })));
  table.figure("straight line: start", fit.start, seconds);
  table.figure("straight line: per line", fit.slope, microseconds);
  table.figure("straight line: R2", fit.r2, (value) => value.toFixed(4), { atLeast: LEAST_R2 });
  table.figure("straight line: largest deviation of a size", fit.largestDeviation, percent);
  table.figure("main thread's share of the CPU time that comes with each line", mainThread.slope / all.slope, percent, {
    below: MAIN_THREAD_GOAL,
  });
  const [least, most] = [conversions[0].peakBytes, conversions[conversions.length - 1].peakBytes];
  table.figure("peak memory, smallest input", least, megabytes);
  table.figure("peak memory, largest input", most, megabytes);
  table.figure("peak memory, largest / smallest", most / least, ratio, { below: MOST_MEMORY });
}
