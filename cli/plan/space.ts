import type { S3Clients } from "../net/s3.ts";
import { readRange } from "../source/read.ts";
import type { Source } from "../source/source.ts";
import { type SourceRange, spreadRanges } from "./spread.ts";

const SAMPLES = 8;
const SAMPLE_BYTES = 256 * 1024;

// Bytes an event takes beside its own: measured with scripts/bench.ts, rounded up.
const ROW_BYTES = 80;
const INDEX_BYTES = 160;
const INDEX_SORT_BYTES = 70;
/** With tags to look up: in the rows, gathered, being sorted and in the index; for six tags an event. */
const TAGS_BYTES = 550;
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
 * @param hasTags whether the index is to look up tags
 */
export async function estimateSpace(
  sources: Source[],
  existingBytes: number,
  hasTags: boolean,
  clients: S3Clients,
): Promise<SpaceNeed> {
  const bytes = sources.reduce((sum, { input }) => sum + (input.size ?? 0), 0);
  const { ratio, lineBytes } = await takeSamples(sources, clients);
  const events = bytes / lineBytes;
  const segments = Math.ceil(bytes * ratio * MARGIN);
  const dailyFiles = Math.ceil(bytes * ratio * MARGIN) + existingBytes;
  return spaceNeed(segments, dailyFiles, events, Math.ceil(events * (INDEX_BYTES + (hasTags ? TAGS_BYTES : 0))));
}

/** The need by what it consists of; the index takes the rows it is made from and the room to sort them beside its own bytes. */
export function spaceNeed(segments: number, dailyFiles: number, events: number, indexBytes: number): SpaceNeed {
  const index = indexBytes + Math.ceil(events * (ROW_BYTES + INDEX_SORT_BYTES));
  return { segments, dailyFiles, index, total: segments + dailyFiles + index };
}

async function takeSamples(sources: Source[], clients: S3Clients) {
  let raw = 0;
  let compressed = 0;
  let lines = 0;
  const ranges = spreadRanges(sources, SAMPLES, SAMPLE_BYTES);
  for (const sample of await Promise.all(ranges.map((range) => readPart(range, clients)))) {
    raw += sample.length;
    compressed += Bun.zstdCompressSync(sample, { level: 1 }).length;
    for (let at = sample.indexOf(0x0a); at >= 0; at = sample.indexOf(0x0a, at + 1)) lines++;
  }
  return raw === 0 ? { ratio: 1, lineBytes: 1 } : { ratio: compressed / raw, lineBytes: raw / Math.max(lines, 1) };
}

async function readPart({ source, range }: SourceRange, clients: S3Clients): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of readRange(source, range.start, range.end, clients)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}
