// Measures the pipeline and, in the same run and on the same cores, the raw limits it is compared with.
import { closeSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { formatBytes, formatCount } from "../cli/report/format.ts";
import { LOOPS, type Loop } from "./bench/loops.ts";
import { generateDump } from "./generator/generate.ts";
import { peakMemory } from "./peak-memory.ts";

const SAMPLE_BYTES = 16 * 1024 ** 2;
const LOOP_MS = 2000;
const MAIN = join(import.meta.dir, "../cli/main.ts");

const args = await yargs(hideBin(process.argv))
  .usage("$0\n\nPrints events/s and MB/s of each phase, the raw limits, and the ratios.")
  .option("input", { type: "string", describe: "A dump to convert (default: a generated one)" })
  .option("lines", { type: "number", default: 200_000, describe: "Lines of the generated dump" })
  .option("duplicates", { type: "number", default: 0, describe: "Share of duplicates of the generated dump" })
  .option("parallel", { type: "number", default: availableParallelism(), describe: "Worker threads" })
  .option("dir", { type: "string", default: tmpdir(), describe: "Where to work" })
  .strict()
  .parseAsync();

const { parallel } = args;
const input = args.input ?? join(args.dir, "proton-beam-bench.jsonl");
if (args.input === undefined) {
  const { duplicates, lines } = args;
  await generateDump(input, { seed: "bench", lines, days: 30, duplicates, invalid: 0 }, parallel);
}
console.log(`${input}: ${formatBytes(statSync(input).size)}; ${parallel} workers\n`);

const limits = await measureLimits();
console.log("raw limits, all workers at once");
for (const loop of LOOPS) console.log(`  ${loop.padEnd(22)} ${formatCount(limits[loop]).padStart(10)} events/s`);

const validated = await measureConversion(["--validate-signatures"]);
const unvalidated = await measureConversion([]);
for (const [name, result] of [
  ["with signatures", validated],
  ["without signatures", unvalidated],
] as const) {
  console.log(`\nconvert, ${name}: peak memory ${formatBytes(result.peakBytes)}`);
  for (const { phase, seconds } of result.phases)
    console.log(
      `  ${phase.padEnd(22)} ${formatCount(result.lines / seconds).padStart(10)} events/s  ` +
        `${(result.bytes / 1e6 / seconds).toFixed(1).padStart(8)} MB/s  ${seconds.toFixed(2).padStart(8)} s`,
    );
}

const ratio = (a: number, b: number) => (a / b).toFixed(2);
console.log("\nratios");
console.log(
  `  whole run with signatures / bare verify loop                 ${ratio(validated.perSecond, limits.verify)}`,
);
console.log(
  `  whole run without / bare JSON.parse + gzip 6                 ${ratio(unvalidated.perSecond, limits["JSON.parse + gzip 6"])}`,
);
console.log(
  `  peak temp space / input                                      ${ratio(unvalidated.segmentBytes, unvalidated.bytes)} (segments)`,
);
if (args.input === undefined) for (const path of [input, `${input}.expected.json`]) rmSync(path);

async function measureLimits(): Promise<Record<Loop, number>> {
  const file = openSync(input, "r");
  const bytes = new Uint8Array(SAMPLE_BYTES);
  const sample = bytes.subarray(0, readSync(file, bytes));
  closeSync(file);
  const workers = Array.from(
    { length: parallel },
    () => new Worker(new URL("./bench/worker.ts", import.meta.url).href),
  );
  const ask = <T>(worker: Worker, message: unknown) =>
    new Promise<T>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(message);
    });
  await Promise.all(workers.map((worker) => ask(worker, { bytes: sample })));
  const rates: Partial<Record<Loop, number>> = {};
  for (const loop of LOOPS) {
    const results = await Promise.all(
      workers.map((worker) => ask<{ perSecond: number }>(worker, { loop, ms: LOOP_MS })),
    );
    rates[loop] = results.reduce((sum, { perSecond }) => sum + perSecond, 0);
  }
  for (const worker of workers) worker.terminate();
  return rates as Record<Loop, number>;
}

async function measureConversion(options: string[]) {
  const out = join(args.dir, "proton-beam-bench-out");
  rmSync(out, { recursive: true, force: true });
  const command = [
    process.execPath,
    "run",
    MAIN,
    "convert",
    input,
    "-o",
    out,
    "-j",
    String(parallel),
    "--json",
    "--no-progress",
    "--verbose",
    ...options,
  ];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const [output, peakBytes] = await Promise.all([new Response(child.stdout).text(), peakMemory(child)]);
  const summary = JSON.parse(output);
  const records = readFileSync(join(out, "proton-beam.log"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const timeOf = (msg: string) => Date.parse(records.find((record) => record.msg === msg).time);
  const between = (phase: string, from: string, to: string) => ({
    phase,
    seconds: Math.max(timeOf(to) - timeOf(from), 1) / 1000,
  });
  const segmentBytes = records
    .filter(({ msg }) => msg === "segment ready")
    .reduce((sum, { segmentBytes: n }) => sum + n, 0);
  rmSync(out, { recursive: true });
  const { lines, bytes } = summary.counts;
  return {
    lines,
    bytes,
    segmentBytes,
    perSecond: lines / summary.seconds,
    peakBytes,
    phases: [
      between("map", "conversion started", "all chunks are mapped"),
      between("reduce", "all chunks are mapped", "all days are written"),
      between("index, after the reduce", "all days are written", "the index is built"),
      { phase: "whole run", seconds: summary.seconds },
    ],
  };
}
