import { closeSync, openSync, readSync } from "node:fs";
import type { Input } from "../source/inputs.ts";

const SAMPLES = 8;
const SAMPLE_BYTES = 1024 ** 2;

// Bytes an event takes beside its own: measured with scripts/bench.ts, rounded up.
const ROW_BYTES = 80;
const INDEX_BYTES = 160;
const INDEX_SORT_BYTES = 60;
const MARGIN = 1.15;

/** What a conversion will need on disk at its peak, bytes. */
export interface SpaceNeed {
  segments: number;
  dailyFiles: number;
  index: number;
  total: number;
}

/**
 * Estimates the disk space that inputs of known size need, from samples spread over them: how well they compress and
 * how long their lines are.
 * @param existingBytes size of the archive that is there: each of its files may be rewritten before the old one goes
 */
export function estimateSpace(inputs: Input[], existingBytes: number): SpaceNeed {
  const bytes = inputs.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const { ratio, lineBytes } = sampleInputs(inputs, bytes);
  const events = bytes / lineBytes;
  const segments = Math.ceil(bytes * ratio * MARGIN);
  const dailyFiles = Math.ceil(bytes * ratio * MARGIN) + existingBytes;
  const index = Math.ceil(events * (ROW_BYTES + INDEX_BYTES + INDEX_SORT_BYTES));
  return { segments, dailyFiles, index, total: segments + dailyFiles + index };
}

function sampleInputs(inputs: Input[], bytes: number): { ratio: number; lineBytes: number } {
  let raw = 0;
  let compressed = 0;
  let lines = 0;
  for (let i = 0; i < SAMPLES; i++) {
    const sample = readSample(inputs, Math.floor((bytes * i) / SAMPLES));
    if (sample.length === 0) continue;
    raw += sample.length;
    compressed += Bun.zstdCompressSync(sample, { level: 1 }).length;
    for (let at = sample.indexOf(0x0a); at >= 0; at = sample.indexOf(0x0a, at + 1)) lines++;
  }
  return raw === 0 ? { ratio: 1, lineBytes: 1 } : { ratio: compressed / raw, lineBytes: raw / Math.max(lines, 1) };
}

/** Up to a MiB from `offset` in the inputs laid end to end. */
function readSample(inputs: Input[], offset: number): Buffer {
  let start = 0;
  for (const { name, size } of inputs) {
    if (size === null) continue;
    if (offset < start + size) return readPart(name, offset - start);
    start += size;
  }
  return Buffer.alloc(0);
}

function readPart(path: string, position: number): Buffer {
  const file = openSync(path, "r");
  try {
    const sample = Buffer.allocUnsafe(SAMPLE_BYTES);
    return sample.subarray(0, readSync(file, sample, 0, SAMPLE_BYTES, position));
  } finally {
    closeSync(file);
  }
}
