import type { S3Clients } from "../net/s3.ts";
import { readRange } from "../source/read.ts";
import type { Source } from "../source/source.ts";

const SAMPLES = 8;
const SAMPLE_BYTES = 256 * 1024;

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
 * Estimates the disk space that plain seekable inputs need, from samples spread over them: how well they compress and
 * how long their lines are.
 * @param existingBytes size of the archive that is there: each of its files may be rewritten before the old one goes
 */
export async function estimateSpace(sources: Source[], existingBytes: number, clients: S3Clients): Promise<SpaceNeed> {
  const bytes = sources.reduce((sum, { input }) => sum + (input.size ?? 0), 0);
  const { ratio, lineBytes } = await takeSamples(sources, bytes, clients);
  const events = bytes / lineBytes;
  const segments = Math.ceil(bytes * ratio * MARGIN);
  const dailyFiles = Math.ceil(bytes * ratio * MARGIN) + existingBytes;
  const index = Math.ceil(events * (ROW_BYTES + INDEX_BYTES + INDEX_SORT_BYTES));
  return { segments, dailyFiles, index, total: segments + dailyFiles + index };
}

async function takeSamples(sources: Source[], bytes: number, clients: S3Clients) {
  let raw = 0;
  let compressed = 0;
  let lines = 0;
  const offsets = Array.from({ length: SAMPLES }, (_, i) => Math.floor((bytes * i) / SAMPLES));
  for (const sample of await Promise.all(offsets.map((offset) => readSample(sources, offset, clients)))) {
    if (sample.length === 0) continue;
    raw += sample.length;
    compressed += Bun.zstdCompressSync(sample, { level: 1 }).length;
    for (let at = sample.indexOf(0x0a); at >= 0; at = sample.indexOf(0x0a, at + 1)) lines++;
  }
  return raw === 0 ? { ratio: 1, lineBytes: 1 } : { ratio: compressed / raw, lineBytes: raw / Math.max(lines, 1) };
}

/** Up to 256 KiB from `offset` in the inputs laid end to end. */
async function readSample(sources: Source[], offset: number, clients: S3Clients): Promise<Buffer> {
  let start = 0;
  for (const source of sources) {
    const size = source.input.size ?? 0;
    if (offset < start + size) {
      const from = offset - start;
      const pieces: Buffer[] = [];
      for await (const piece of readRange(source, from, Math.min(from + SAMPLE_BYTES, size), clients))
        pieces.push(Buffer.from(piece));
      return Buffer.concat(pieces);
    }
    start += size;
  }
  return Buffer.alloc(0);
}
