import { type Bench, convert, rateOf } from "./bench.ts";
import { inTurn, measureLimits } from "./limits.ts";
import { perSecond, ratio } from "./table.ts";

const GOAL = 0.9;
/** One worker and many are measured in turn, since machines are not as fast at all times. */
const ROUNDS = 2;

/** Few workers on as few cores, beside one worker on one core that all of the process has to share. */
export async function measureScaling(bench: Bench, input: string): Promise<void> {
  const { table } = bench;
  table.section(`scaling: n workers on n cores, mean of ${ROUNDS}`);
  for (const workers of steps(bench.parallel)) {
    for (const validate of [true, false]) {
      const name = validate ? "with signatures" : "without signatures";
      const rate = async (many: number) =>
        rateOf(await convert(bench, input, { validate, parallel: many, cores: many }));
      const [one, many] = await inRounds(
        () => rate(1),
        () => rate(workers),
      );
      table.figure(`1 worker on 1 core, ${name}`, one, perSecond);
      table.figure(`${workers} workers on ${workers} cores, ${name}`, many, perSecond);
      table.figure(`${workers} workers / 1 worker / ${workers}, ${name}`, many / one / workers, ratio, {
        atLeast: GOAL,
      });
    }
    // Cores may share what they calculate with, and what else runs on the host slows all of them down.
    const rate = async (threads: number) => {
      const limits = await measureLimits(input, threads, bench.loopMs);
      return inTurn(limits["JSON.parse"], limits["gzip 6 of the input"]).perSecond;
    };
    const [one, many] = await inRounds(
      () => rate(1),
      () => rate(workers),
    );
    table.figure(`bare JSON.parse and gzip 6: ${workers} threads / 1 thread / ${workers}`, many / one / workers, ratio);
  }
}

async function inRounds(a: () => Promise<number>, b: () => Promise<number>): Promise<[number, number]> {
  let [sumA, sumB] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    sumA += await a();
    sumB += await b();
  }
  return [sumA / ROUNDS, sumB / ROUNDS];
}

/** 2, 4, 8 and so on, and the most. */
function steps(most: number): number[] {
  const powers = Array.from({ length: 16 }, (_, n) => 2 ** (n + 1)).filter((n) => n < most);
  return most > 1 ? [...powers, most] : [];
}
