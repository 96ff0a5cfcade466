import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ConvertSummary } from "../../cli/run/convert.ts";
import { totalOf } from "../../cli/segment/counts.ts";
import { LOG_FILE, workLayout } from "../../cli/store/layout.ts";
import { peakMemory } from "../peak-memory.ts";
import { peakTemporarySpace } from "./temporary-space.ts";
import { threadTimes } from "./thread-times.ts";

/** What to convert, and how. */
export interface ConversionSettings {
  program: string;
  input: string;
  /** Where the archive is made; it is removed again. */
  output: string;
  parallel: number;
  chunkBytes: number;
  validate: boolean;
  /** Cores that all of the process is bound to, from 0 on; null for all of the host. */
  cores: number | null;
}

/** What a conversion took. Times in seconds, sizes in bytes. */
export interface Conversion {
  lines: number;
  bytes: number;
  events: number;
  rejected: number;
  /** From the start of the process to its end. */
  seconds: number;
  /** As the program itself says. */
  summarySeconds: number;
  phases: { map: number; reduce: number; index: number };
  chunks: number;
  cpu: { total: number; main: number; index: number };
  peakBytes: number;
  temporaryBytes: number;
  /** What checked the signatures; null when nothing did. */
  verifier: string | null;
}

/** Runs the program as a user does. @throws {Error} when it fails; it has said why */
export async function runConversion(settings: ConversionSettings): Promise<Conversion> {
  const { output, parallel } = settings;
  rmSync(output, { recursive: true, force: true });
  // Else this conversion would wait for the disk that writes what was made before.
  Bun.spawnSync(["sync"]);
  const started = performance.now();
  const child = Bun.spawn(commandOf(settings), { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const ended = child.exited.then(() => performance.now());
  const [text, peakBytes, temporaryBytes, times] = await Promise.all([
    new Response(child.stdout).text(),
    peakMemory(child),
    peakTemporarySpace(child, workLayout(output).root),
    threadTimes(child),
  ]);
  if (child.exitCode !== 0) throw new Error(`the conversion of ${settings.input} ended with ${child.exitCode}`);
  const { counts, seconds, signatures }: ConvertSummary = JSON.parse(text);
  const log = readLog(join(output, LOG_FILE));
  rmSync(output, { recursive: true });
  const chunks = Number(log.find("all chunks are mapped").segments);
  return {
    lines: counts.lines,
    bytes: counts.bytes,
    events: counts.events,
    rejected: totalOf(counts.rejected),
    seconds: ((await ended) - started) / 1000,
    summarySeconds: seconds,
    phases: {
      map: log.seconds("conversion started", "all chunks are mapped"),
      reduce: log.seconds("all chunks are mapped", "all days are written"),
      index: log.seconds("all days are written", "the index is built"),
    },
    chunks,
    // The map has started a thread for each of its chunks, or all there may be, before the index gets its own.
    cpu: { total: times.total, main: times.main, index: times.workers[Math.min(parallel, chunks)] ?? 0 },
    peakBytes,
    temporaryBytes,
    verifier: signatures,
  };
}

function commandOf({ program, input, output, parallel, chunkBytes, validate, cores }: ConversionSettings): string[] {
  return [
    ...(cores === null ? [] : ["taskset", "-c", `0-${cores - 1}`]),
    ...[program, "convert", input, "-o", output, "-j", String(parallel)],
    ...["--chunk-bytes", String(chunkBytes), "--json", "--no-progress"],
    ...(validate ? ["--validate-signatures"] : []),
  ];
}

function readLog(path: string) {
  const records: Record<string, unknown>[] = readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const find = (msg: string) => {
    const record = records.find((other) => other.msg === msg);
    if (record === undefined) throw new Error(`the log has no "${msg}"`);
    return record;
  };
  const time = (msg: string) => Date.parse(String(find(msg).time));
  return { find, seconds: (from: string, to: string) => (time(to) - time(from)) / 1000 };
}
