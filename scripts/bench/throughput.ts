import { type Bench, convert, rateOf } from "./bench.ts";
import type { Conversion } from "./conversion.ts";
import { inTurn, type Limits, meanOf, measureLimits } from "./limits.ts";
import { bareVerifier, LOOPS, type LoopSpeed } from "./loops.ts";
import {
  count,
  type Goal,
  megabytes,
  megabytesPerSecond,
  microseconds,
  percent,
  perSecond,
  ratio,
  seconds,
} from "./table.ts";

/** Share of the bare loops' rate that the whole conversion should have. */
const GOALS = { validated: 0.85, unvalidated: 0.7 };
const TEMPORARY_GOAL = 0.6;
const MAIN_THREAD_GOAL = 0.03;
const INDEX_ROWS_GOAL = 400_000;

export interface Throughput {
  validated: Conversion;
  unvalidated: Conversion;
}

/** Whole conversions of a dump with and without signatures, each between two measurements of the bare loops. */
export async function measureThroughput(bench: Bench, input: string): Promise<Throughput> {
  const { table, parallel, loopMs } = bench;
  const before = await measureLimits(input, parallel, loopMs);
  const validated = await convert(bench, input, { validate: true });
  const between = await measureLimits(input, parallel, loopMs);
  const unvalidated = await convert(bench, input);
  const after = await measureLimits(input, parallel, loopMs);

  table.section(`bare loops, on all cores at once, around the conversions; verify is ${bareVerifier().name}`);
  for (const loop of LOOPS) {
    table.figure(`${loop}, before`, before[loop].perSecond, perSecond);
    table.figure(`${loop}, between`, between[loop].perSecond, perSecond);
    table.figure(`${loop}, after`, after[loop].perSecond, perSecond);
    table.figure(`${loop}, CPU time`, meanOf(before, between, after)[loop].cpuSeconds, microseconds);
  }
  describeConversion(bench, `convert with signatures, checked by ${validated.verifier}`, validated);
  describeConversion(bench, "convert without signatures", unvalidated);
  compareWithLimits(bench, { validated, unvalidated }, meanOf(before, between), meanOf(between, after));
  return { validated, unvalidated };
}

/** Kept out of {@link measureThroughput} for dumps of few unique events, where these say nothing. */
export function compareResources({ table }: Bench, { validated, unvalidated }: Throughput): void {
  table.section("what it takes besides");
  const space = Math.max(validated.temporaryBytes / validated.bytes, unvalidated.temporaryBytes / unvalidated.bytes);
  table.figure("temporary space / input, at most", space, ratio, { below: TEMPORARY_GOAL });
  for (const [name, { cpu }] of [
    ["with signatures", validated],
    ["without signatures", unvalidated],
  ] as const)
    table.figure(`main thread's share of the work, ${name}`, cpu.main / cpu.total, percent, {
      below: MAIN_THREAD_GOAL,
    });
  const { events, cpu, phases, seconds: whole } = unvalidated;
  table.figure("index, rows per second of its thread", events / cpu.index, perSecond, { atLeast: INDEX_ROWS_GOAL });
  table.figure("index, what is left after the last day", phases.index, seconds);
  table.figure("index, that as a share of the run", phases.index / whole, percent);
  const workers = cpu.total - cpu.main - cpu.index;
  table.figure("workers that one index thread keeps up with", workers / cpu.index, count);
}

function describeConversion({ table }: Bench, title: string, conversion: Conversion): void {
  const { lines, bytes, phases, cpu, peakBytes, temporaryBytes, summarySeconds } = conversion;
  table.section(title);
  table.figure("whole process", rateOf(conversion), perSecond);
  table.figure("whole process, bytes", bytes / conversion.seconds, megabytesPerSecond);
  table.figure("whole process, time", conversion.seconds, seconds);
  table.figure("as its summary says", lines / summarySeconds, perSecond);
  table.figure("map", lines / phases.map, perSecond);
  table.figure("reduce", lines / phases.reduce, perSecond);
  table.figure("index, after the reduce", phases.index, seconds);
  table.figure("CPU time per line, all threads", cpu.total / lines, microseconds);
  table.figure("CPU time per line, main thread", cpu.main / lines, microseconds);
  table.figure("CPU time per line, index thread", cpu.index / lines, microseconds);
  table.figure("peak memory", peakBytes, megabytes);
  table.figure("peak temporary space", temporaryBytes, megabytes);
}

/** @param first the limits around the conversion with signatures */
function compareWithLimits(
  { table }: Bench,
  { validated, unvalidated }: Throughput,
  first: Limits,
  second: Limits,
): void {
  const ofInput = inTurn(second["JSON.parse"], second["gzip 6 of the input"]);
  const ofEvents = inTurn(second["JSON.parse"], second["gzip 6 of the events"]);
  const rows: [string, Conversion, LoopSpeed, Goal | undefined][] = [
    ["with signatures / verify", validated, first.verify, { atLeast: GOALS.validated }],
    ["without / JSON.parse and gzip 6 of the input", unvalidated, ofInput, { atLeast: GOALS.unvalidated }],
    ["without / JSON.parse and gzip 6 of the events", unvalidated, ofEvents, undefined],
  ];
  table.section("whole process / bare loops");
  for (const [name, conversion, { perSecond: rate }, goal] of rows)
    table.figure(name, rateOf(conversion) / rate, ratio, goal);
  table.section("the same by CPU time, which other programs on the machine change less");
  for (const [name, { cpu, lines }, { cpuSeconds }] of rows)
    table.figure(`${name}, by CPU time`, cpuSeconds / (cpu.total / lines), ratio);
}
