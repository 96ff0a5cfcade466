import { join } from "node:path";
import { type Bench, convert } from "./bench.ts";
import { provideDump, UNIQUE_EVENTS } from "./dumps.ts";
import { milliseconds } from "./table.ts";

const MAIN = join(import.meta.dir, "../../cli/main.ts");
const FEW_LINES = 10;
const START_GOAL = 0.1;
/** What all workers may add to the time of one on an input that has no work for them, seconds. */
const WORKERS_GOAL = 0.05;

/** What the program takes where there is next to nothing to do. */
export async function measureStartUp(bench: Bench, repeats: number): Promise<void> {
  const { table } = bench;
  const input = join(bench.folder, "few.jsonl");
  await provideDump(input, { ...UNIQUE_EVENTS, lines: FEW_LINES }, 1);
  const programs = [
    ["bun cli/main.ts", [process.execPath, "run", MAIN]],
    ["the compiled program", [bench.program]],
  ] as const;
  table.section(`start-up, median of ${repeats}`);
  for (const [name, command] of programs)
    table.figure(
      `${name} --version`,
      await medianOf(repeats, () => secondsOf([...command, "--version"])),
      milliseconds,
      {
        below: START_GOAL,
      },
    );
  const secondsWith = (parallel: number) =>
    medianOf(repeats, async () => (await convert(bench, input, { parallel, validate: true })).seconds);
  const one = await secondsWith(1);
  const all = await secondsWith(bench.parallel);
  table.figure(`whole conversion of ${FEW_LINES} events, 1 worker`, one, milliseconds);
  table.figure(`whole conversion of ${FEW_LINES} events, ${bench.parallel} workers`, all, milliseconds);
  table.figure("what more workers add to it", all - one, milliseconds, { below: WORKERS_GOAL });
}

async function secondsOf(command: string[]): Promise<number> {
  const started = performance.now();
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed`);
  return (performance.now() - started) / 1000;
}

async function medianOf(repeats: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let n = 0; n < repeats; n++) values.push(await measure());
  return values.sort((a, b) => a - b)[Math.floor(repeats / 2)];
}
