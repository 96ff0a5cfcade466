import { statSync } from "node:fs";
import { join } from "node:path";
import { type Conversion, runConversion } from "./conversion.ts";
import type { Table } from "./table.ts";

/** Chunks that a worker gets of an input, if they need not be larger than the program's own. */
const CHUNKS_PER_WORKER = 20;
/** The program's own. */
export const DEFAULT_CHUNK_BYTES = 64 * 1024 ** 2;

/** What all measurements share. */
export interface Bench {
  /** Where all files are. */
  folder: string;
  parallel: number;
  /** How long each bare loop runs. */
  loopMs: number;
  table: Table;
}

/** How a conversion differs from that on all cores without validation. */
export interface Variation {
  validate?: boolean;
  parallel?: number;
  /** Cores that the process is bound to, from 0 on; null for all of the host. */
  cores?: number | null;
  chunkBytes?: number;
}

export function convert(bench: Bench, input: string, variation: Variation = {}): Promise<Conversion> {
  return runConversion({
    input,
    output: join(bench.folder, "archive"),
    parallel: bench.parallel,
    chunkBytes: chunkBytesFor(bench, input),
    validate: false,
    cores: null,
    ...variation,
  });
}

/**
 * The program's chunk size, or a smaller one that gives each worker many chunks: so a small input is divided as a large
 * one is, and the last chunk does not decide.
 */
export function chunkBytesFor({ parallel }: Pick<Bench, "parallel">, input: string): number {
  return Math.min(DEFAULT_CHUNK_BYTES, Math.ceil(statSync(input).size / (CHUNKS_PER_WORKER * parallel)));
}

/** Lines a second of the whole process, from start to end. */
export function rateOf({ lines, seconds }: Conversion): number {
  return lines / seconds;
}
