import type { NostrEvent } from "../event/event.ts";
import { hasValidId } from "../event/id.ts";
import { parseLine } from "../event/parse.ts";
import type { RejectReason } from "../event/reject.ts";
import { writeVarint } from "../event/varint.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { type ByteRange, scanLines } from "../source/lines.ts";
import { type ContainerWriter, createContainer } from "../store/container.ts";
import { type Arena, createArena } from "./arena.ts";
import { type Counts, emptyCounts, tally } from "./counts.ts";
import { filterReason } from "./filter.ts";
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
  contentHash: string | null;
  options: ConvertOptions;
}

/** True when the signature of a well-formed event verifies. */
export type SignatureCheck = (event: NostrEvent) => boolean;

/**
 * Converts the lines of one chunk and commits its segment. The segment depends on the chunk's bytes and the options only.
 * @param blocks the input's bytes from `scanFrom(range)` on
 * @param checkSignature null when signatures are not to be checked
 * @param arena memory to use again
 */
export async function mapChunk(
  job: MapChunk,
  blocks: AsyncIterable<Uint8Array>,
  checkSignature: SignatureCheck | null,
  arena: Arena = createArena(),
): Promise<SegmentFooter> {
  const counts = emptyCounts();
  counts.bytes = job.range.end - job.range.start;
  arena.clear();
  const segment = createContainer(job.segmentPath);
  try {
    const reject = (reason: RejectReason, line: Buffer, offset: number) => {
      counts.lines++;
      tally(counts.rejected, reason);
      segment.append(rejectRecord(job.source, offset, reason, line));
    };
    await scanLines(blocks, job.range, job.options.maxLineBytes, {
      blank: () => {
        counts.blank++;
      },
      tooLong: (head, offset) => reject("line-too-long", head, offset),
      line: (line, offset) => {
        const event = parseLine(line);
        if (typeof event === "string") return reject(event, line, offset);
        if (job.options.filterInvalidKinds && (event.kind < 0 || event.kind > 65_535))
          return reject("kind-out-of-range", line, offset);
        const filtered = filterReason(event, job.options);
        if (filtered !== null) {
          counts.lines++;
          tally(counts.filtered, filtered);
          return;
        }
        if (job.options.validateEventIds && !hasValidId(event)) return reject("id-mismatch", line, offset);
        if (checkSignature !== null && !checkSignature(event)) return reject("signature-mismatch", line, offset);
        counts.lines++;
        counts.events++;
        arena.add(event, line.length);
        if (line.length >= LARGE_LINE_BYTES) Bun.gc(true);
      },
    });
    const rejects = segment.endSection();
    const runs = writeRuns(segment, arena, counts);
    const { chunk, fingerprint, contentHash } = job;
    const footer: SegmentFooter = { fingerprint, chunk, contentHash, counts, runs, rejects };
    segment.commit(footer);
    return footer;
  } catch (error) {
    segment.abort();
    throw error;
  }
}

/** Writes a run per day and moves the duplicates within the chunk from `events` to `duplicates`. */
function writeRuns(segment: ContainerWriter, arena: Arena, counts: Counts): Run[] {
  const runs: Run[] = [];
  const header = Buffer.allocUnsafe(8);
  let open: { day: number; events: number; bytes: number } | null = null;
  const endRun = () => {
    if (open !== null) runs.push({ ...open, ...segment.endSection() });
  };
  const { duplicates } = arena.forEachUnique((day, slab, start, end) => {
    if (open?.day !== day) {
      endRun();
      open = { day, events: 0, bytes: 0 };
    }
    const length = end - start;
    const delimiterEnd = writeVarint(header, 0, length);
    segment.append(header.subarray(0, delimiterEnd), slab.subarray(start, end));
    open.events++;
    open.bytes += delimiterEnd + length;
  });
  endRun();
  counts.events -= duplicates;
  counts.duplicates += duplicates;
  return runs;
}
