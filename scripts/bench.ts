// Measures the whole pipeline and, in the same run and on the same cores, the raw limits it is compared with.
import { cpSync, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { type Bench, chunkBytesFor } from "./bench/bench.ts";
import { copyRepeated, copyStart, provideDump, UNIQUE_EVENTS } from "./bench/dumps.ts";
import { measureDuplicates } from "./bench/duplicates.ts";
import { measureGrowth } from "./bench/growth.ts";
import { measureMainThread } from "./bench/main-thread.ts";
import { measureRealEvents } from "./bench/real-events.ts";
import { measureScaling } from "./bench/scaling.ts";
import { measureStartUp } from "./bench/start-up.ts";
import { createTable } from "./bench/table.ts";
import { compareResources, measureThroughput } from "./bench/throughput.ts";

/** Checks signatures in batches; see scripts/build-native.sh. */
const LIBRARY = join(import.meta.dir, "../dist/schnorr-batch.so");
const FULL_LINES = 2_000_000;
const SCALED_LINES = 100_000;
const MAIN_THREAD_BYTES = 128 * 1024 ** 2;

const args = await yargs(hideBin(process.argv))
  .usage("$0\n\nPrints what a conversion takes beside the raw limits of this machine, and beside the goals.")
  .option("lines", { type: "number", default: 200_000, describe: "Unique events to generate" })
  .option("full", { type: "boolean", default: false, describe: `As many as ${FULL_LINES.toLocaleString("en-US")}` })
  .option("sample", { type: "string", describe: "Also measure the events of this file" })
  .option("repeat", { type: "number", default: 400, describe: "How many times the sample is repeated" })
  .option("parallel", { type: "number", default: availableParallelism(), describe: "Worker threads" })
  .option("dir", { type: "string", default: tmpdir(), describe: "Where to work, in a folder proton-beam-bench" })
  .option("keep", { type: "boolean", default: false, describe: "Keep the generated dumps for the next time" })
  .option("loop-seconds", { type: "number", default: 2, describe: "How long each bare loop runs" })
  .option("start-ups", {
    type: "number",
    default: 10,
    describe: "How many times the program is started for its start-up",
  })
  .strict()
  .parseAsync();

const { parallel } = args;
const lines = args.full ? FULL_LINES : args.lines;
const folder = join(args.dir, "proton-beam-bench");
const program = join(folder, "proton-beam");
const bench: Bench = { folder, program, parallel, loopMs: args.loopSeconds * 1000, table: createTable(console.log) };
const unique = join(folder, "unique.jsonl");
mkdirSync(folder, { recursive: true });
try {
  compile(program);
  await measureAll();
  bench.table.end();
} finally {
  if (!args.keep) rmSync(folder, { recursive: true });
}

async function measureAll(): Promise<void> {
  await provideDump(unique, { ...UNIQUE_EVENTS, lines }, parallel);
  const { size } = statSync(unique);
  console.log(
    `${lines.toLocaleString("en-US")} generated events of ${(size / lines / 1000).toFixed(2)} KB, ` +
      `${(size / 1e9).toFixed(2)} GB in chunks of ${(chunkBytesFor(unique) / 1e6).toFixed(1)} MB; ${parallel} workers`,
  );
  const throughput = await measureThroughput(bench, unique);
  compareResources(bench, throughput);
  await withStart(Math.max(SCALED_LINES / lines, 1 / 8), (path) => measureScaling(bench, path));
  await withStart(MAIN_THREAD_BYTES / size, (path) => measureMainThread(bench, path, throughput.unvalidated));
  await measureGrowth(bench, unique);
  await measureStartUp(bench, args.startUps);

  const repeating = join(folder, "repeating.jsonl");
  await provideDump(repeating, { ...UNIQUE_EVENTS, lines: Math.ceil(lines / 2), duplicates: 0.9 }, parallel);
  await measureDuplicates(bench, repeating, throughput.validated);

  if (args.sample !== undefined) {
    const path = join(folder, "real.jsonl");
    copyRepeated(args.sample, args.repeat, path);
    await measureRealEvents(bench, path);
    rmSync(path);
  }
}

/** Compiles the program, and puts the library that it wants beside it, if there is one. */
function compile(path: string): void {
  const { exitCode } = Bun.spawnSync([process.execPath, "run", join(import.meta.dir, "build.ts"), path], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (exitCode !== 0) throw new Error(`the program cannot be compiled: ${exitCode}`);
  if (existsSync(LIBRARY)) cpSync(LIBRARY, join(folder, basename(LIBRARY)));
}

/** Measures with the first lines of the unique events. */
async function withStart(share: number, measure: (path: string) => Promise<void>): Promise<void> {
  const path = join(folder, "start.jsonl");
  copyStart(unique, Math.min(share, 1), path);
  await measure(path);
  rmSync(path);
}
