import { type Bench, convert, rateOf } from "./bench.ts";
import { perSecond, ratio } from "./table.ts";

const GOAL = 0.9;

/** Few workers on as few cores, beside one worker on one core that all of the process has to share. */
export async function measureScaling(bench: Bench, input: string): Promise<void> {
  const { table } = bench;
  table.section("scaling: n workers on n cores");
  for (const validate of [true, false]) {
    const name = validate ? "with signatures" : "without signatures";
    const rate = async (workers: number, cores: number | null) =>
      rateOf(await convert(bench, input, { validate, parallel: workers, cores }));
    const one = await rate(1, 1);
    table.figure(`1 worker on 1 core, ${name}`, one, perSecond);
    table.figure(`1 worker on all cores, ${name}`, await rate(1, null), perSecond);
    for (const workers of steps(bench.parallel)) {
      const many = await rate(workers, workers);
      table.figure(`${workers} workers on ${workers} cores, ${name}`, many, perSecond);
      table.figure(`${workers} workers / 1 worker / ${workers}, ${name}`, many / one / workers, ratio, {
        atLeast: GOAL,
      });
    }
  }
}

/** 2, 4, 8 and so on, and the most. */
function steps(most: number): number[] {
  const powers = Array.from({ length: 16 }, (_, n) => 2 ** (n + 1)).filter((n) => n < most);
  return most > 1 ? [...powers, most] : [];
}
