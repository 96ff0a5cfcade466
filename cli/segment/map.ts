import type { NostrEvent } from "../event/event.ts";
import { hasValidId } from "../event/id.ts";
import { parseLine } from "../event/parse.ts";
import type { RejectReason } from "../event/reject.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { type ByteRange, scanLines } from "../source/lines.ts";
import { type ContainerWriter, createContainer } from "../store/container.ts";
import { type Arena, createArena } from "./arena.ts";
import { type Counts, emptyCounts, tally } from "./counts.ts";
import { type FilterReason, filterReason } from "./filter.ts";
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

/** True when the signature of a well-formed event verifies. */
export type SignatureCheck = (event: NostrEvent) => boolean;

/**
 * Converts the lines of one chunk and commits its segment. The segment depends on the chunk's bytes and the options only.
 * @param blocks the input's bytes from `scanFrom(range)` on
 * @param contentHash the hash of a stream's bytes, null for a file
 * @param checkSignature null when signatures are not to be checked
 * @param arena memory to use again
 */
export async function mapChunk(
  job: MapChunk,
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  contentHash: string | null,
  checkSignature: SignatureCheck | null,
  arena: Arena = createArena(),
): Promise<SegmentFooter> {
  const { chunk, fingerprint, options, range } = job;
  const counts = { ...emptyCounts(), bytes: range.end - range.start };
  arena.clear();
  const segment = createContainer(job.segmentPath);
  const reject = (reason: RejectReason, line: Buffer, offset: number) => {
    counts.lines++;
    tally(counts.rejected, reason);
    segment.append(rejectRecord(job.source, offset, reason, line));
  };
  try {
    await scanLines(blocks, range, options.maxLineBytes, {
      blank: () => {
        counts.blank++;
      },
      tooLong: (head, offset) => reject("line-too-long", head, offset),
      line: (line, offset) => {
        const verdict = judgeLine(line, options, checkSignature);
        if ("rejected" in verdict) reject(verdict.rejected, line, offset);
        else {
          counts.lines++;
          if ("filtered" in verdict) tally(counts.filtered, verdict.filtered);
          else {
            counts.events++;
            arena.add(verdict.event, line.length);
          }
        }
        if (line.length >= LARGE_LINE_BYTES) Bun.gc(true);
      },
    });
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

/** What becomes of a line. */
export type Verdict = { event: NostrEvent } | { rejected: RejectReason } | { filtered: FilterReason };

/** Cheap checks go first; what the options leave out is not checked further. */
export function judgeLine(line: Buffer, options: ConvertOptions, checkSignature: SignatureCheck | null): Verdict {
  const event = parseLine(line);
  if (typeof event === "string") return { rejected: event };
  if (options.filterInvalidKinds && (event.kind < 0 || event.kind > 65_535)) return { rejected: "kind-out-of-range" };
  const filtered = filterReason(event, options);
  if (filtered !== null) return { filtered };
  if (options.validateEventIds && !hasValidId(event)) return { rejected: "id-mismatch" };
  if (checkSignature !== null && !checkSignature(event)) return { rejected: "signature-mismatch" };
  return { event };
}

/** Writes a run per day and moves the duplicates within the chunk from `events` to `duplicates`. */
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
