import { type Bench, convert, rateOf } from "./bench.ts";
import type { Conversion } from "./conversion.ts";
import { percent, perSecond, ratio } from "./table.ts";

const GOAL = 5;

/** A dump most of whose lines repeat others, beside one of unique events; both with signatures. */
export async function measureDuplicates(bench: Bench, input: string, unique: Conversion): Promise<void> {
  const { table } = bench;
  const conversion = await convert(bench, input, { validate: true });
  table.section("duplicates, with signatures");
  table.figure("share of duplicates", 1 - conversion.events / conversion.lines, percent);
  table.figure("lines of this dump", rateOf(conversion), perSecond);
  table.figure("lines of this dump / of unique events", rateOf(conversion) / rateOf(unique), ratio, { atLeast: GOAL });
}
