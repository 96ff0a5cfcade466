import { statSync } from "node:fs";
import { join } from "node:path";
import { convertOptionsSchema } from "../../cli/plan/options.ts";
import { chunkSize } from "../../cli/plan/plan.ts";
import { type Conversion, runConversion } from "./conversion.ts";
import type { Table } from "./table.ts";

/** The most that the program takes for a chunk when nobody asks for less. */
export const DEFAULT_CHUNK_BYTES = convertOptionsSchema.parse({}).chunkBytes;

/** What all measurements share. */
export interface Bench {
  /** Where all files are. */
  folder: string;
  /** The program, compiled. */
  program: string;
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
    program: bench.program,
    input,
    output: join(bench.folder, "archive"),
    parallel: bench.parallel,
    chunkBytes: DEFAULT_CHUNK_BYTES,
    validate: false,
    cores: null,
    ...variation,
  });
}

/** What the program takes for a chunk of this input. */
export function chunkBytesFor(input: string): number {
  return chunkSize(statSync(input).size, DEFAULT_CHUNK_BYTES);
}

/** Lines a second of the whole process, from start to end. */
export function rateOf({ lines, seconds }: Conversion): number {
  return lines / seconds;
}
