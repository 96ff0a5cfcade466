import type { SignatureCheck } from "../event/signature/verifier.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { type ByteRange, scanLines, WINDOW_BYTES } from "../source/lines.ts";
import { type ContainerWriter, createContainer } from "../store/container.ts";
import { type Arena, createArena } from "./arena.ts";
import { type Counts, emptyCounts, tally } from "./counts.ts";
import { createJudge } from "./judge.ts";
import { createRecordWriter } from "./record-writer.ts";
import { rejectRecord } from "./rejects.ts";
import type { Run, SegmentFooter } from "./segment.ts";

/** Lines from here on leave so much garbage (their text in several forms) that it is collected at once. */
const LARGE_LINE_BYTES = 4 * 1024 ** 2;

/** What to map and where the segment goes. */
export interface MapChunk {
  chunk: number;
  range: ByteRange;
  /** The input's name in `rejected.jsonl.gz`. */
  source: string;
  segmentPath: string;
  fingerprint: string;
  options: ConvertOptions;
}

/** What a worker keeps from one chunk to the next. */
export interface MapMemory {
  arena: Arena;
  window: Buffer;
}

export function createMapMemory(): MapMemory {
  return { arena: createArena(), window: Buffer.allocUnsafeSlow(WINDOW_BYTES) };
}

/**
 * Converts the lines of one chunk and commits its segment. The segment depends on the chunk's bytes and the options only.
 * @param blocks the input's bytes from `scanFrom(range)` on
 * @param contentHash the hash of a stream's bytes, null for a file
 * @param signatures null when they are not to be checked
 */
export async function mapChunk(
  job: MapChunk,
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  contentHash: string | null,
  signatures: SignatureCheck | null,
  { arena, window }: MapMemory,
): Promise<SegmentFooter> {
  const { chunk, fingerprint, options, range } = job;
  const counts = { ...emptyCounts(), bytes: range.end - range.start };
  arena.clear();
  const segment = createContainer(job.segmentPath);
  const judge = createJudge(options, signatures, arena, {
    rejected: (reason, line, offset) => {
      counts.lines++;
      tally(counts.rejected, reason);
      segment.append(rejectRecord(job.source, offset, reason, line));
    },
    filtered: (reason) => {
      counts.lines++;
      tally(counts.filtered, reason);
    },
    kept: (_, isRepeat) => {
      counts.lines++;
      if (isRepeat) counts.duplicates++;
      else counts.events++;
    },
  });
  try {
    await scanLines(
      blocks,
      range,
      options.maxLineBytes,
      {
        line: (block, start, end, offset, isUtf8) => {
          judge.line(block, start, end, offset, isUtf8);
          if (end - start >= LARGE_LINE_BYTES) Bun.gc(true);
        },
        blank: () => {
          counts.blank++;
        },
        tooLong: (head, offset) => judge.reject("line-too-long", head, offset),
        settle: judge.settle,
      },
      window,
    );
    const rejects = segment.endSection();
    const runs = writeRuns(segment, arena, counts);
    const footer: SegmentFooter = { fingerprint, chunk, contentHash, counts, runs, rejects };
    segment.commit(footer);
    return footer;
  } catch (error) {
    segment.abort();
    throw error;
  }
}

/** Writes a run per day and moves events with the same id from `events` to `duplicates`. */
function writeRuns(segment: ContainerWriter, arena: Arena, counts: Counts): Run[] {
  const runs: Run[] = [];
  const append = createRecordWriter(segment);
  let open: { day: number; events: number } | null = null;
  const endRun = () => {
    if (open !== null) runs.push({ ...open, ...segment.endSection() });
  };
  const { duplicates } = arena.forEachUnique((day, slab, start, end) => {
    if (open?.day !== day) {
      endRun();
      open = { day, events: 0 };
    }
    append(slab, start, end);
    open.events++;
  });
  endRun();
  counts.events -= duplicates;
  counts.duplicates += duplicates;
  return runs;
}
