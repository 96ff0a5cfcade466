import { type Bench, rateOf } from "./bench.ts";
import { percent, perSecond, ratio } from "./table.ts";
import { measureThroughput } from "./throughput.ts";

/**
 * Lines a second of an existing native converter (Rust) on two cores, with 150 real events repeated 400 times, of which
 * it kept 94 %.
 */
const REFERENCE = { validated: 23_400, unvalidated: 37_300 };
const GOAL = 2;

/** Real events, beside another converter. All but the first of each are duplicates. */
export async function measureRealEvents(bench: Bench, input: string): Promise<void> {
  const { table } = bench;
  const { validated, unvalidated } = await measureThroughput(bench, input);
  table.section("real events: whole process / an existing native converter on two cores");
  table.figure("with signatures, existing converter", REFERENCE.validated, perSecond);
  table.figure("with signatures", rateOf(validated) / REFERENCE.validated, ratio, { atLeast: GOAL });
  table.figure("without signatures, existing converter", REFERENCE.unvalidated, perSecond);
  table.figure("without signatures", rateOf(unvalidated) / REFERENCE.unvalidated, ratio, { atLeast: GOAL });
  table.figure("lines that are kept, or repeat one that is", 1 - validated.rejected / validated.lines, percent, {
    atLeast: 1,
  });
}
