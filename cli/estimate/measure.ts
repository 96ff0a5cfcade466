import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyRecordKeys, recordCreatedAt, recordId, recordKind, recordPubkey } from "../event/record.ts";
import type { RejectReason } from "../event/reject.ts";
import { createSignatureCheck } from "../event/signature/check.ts";
import { selectVerifier } from "../event/signature/select.ts";
import type { SignatureCheck } from "../event/signature/verifier.ts";
import { createIndexBuilder } from "../index/build.ts";
import { createTagHasher, type TagHasher } from "../index/tags.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { createDayFileWriter, type EventPlace, type Member } from "../reduce/day-file.ts";
import type { IndexRow } from "../reduce/day-rows.ts";
import { type Arena, createArena } from "../segment/arena.ts";
import { tally } from "../segment/counts.ts";
import { createJudge } from "../segment/judge.ts";
import { createAtomicFile } from "../store/atomic.ts";
import { processorSeconds } from "./processor.ts";
import type { Piece } from "./sample.ts";

/** Of a segment (`store/container.ts`). */
const FRAME_BYTES = 256 * 1024;
const KEY_BYTES = 32;

/** What became of the lines of a piece. */
export interface PieceCounts {
  bytes: number;
  lines: number;
  /** Lines that are events to be kept, duplicates among them. */
  valid: number;
  filtered: number;
  rejected: Partial<Record<RejectReason, number>>;
  /** Of each event that was in the same piece before: how many valid lines earlier. */
  repeatedAfter: number[];
  /** Of each event that was in another piece before: the number of that piece. */
  repeatedIn: number[];
}

/** What came out of converting all pieces together, as one archive. */
export interface Measured {
  pieces: PieceCounts[];
  /** created_at of the different events, ascending, Unix seconds. */
  times: number[];
  /** How many different pubkeys there were after each different event, in the order of the lines. */
  pubkeys: number[];
  segmentBytes: number;
  dailyBytes: number;
  indexBytes: number;
  /** Processor time for all steps up to the daily files, and for the index. */
  seconds: { convert: number; index: number };
  /** What checked the signatures; null when nothing did. */
  verifier: string | null;
}

/**
 * Converts pieces with the program's own parser, encoder, compressors and index, in a temporary folder that is gone at the end.
 * @param indexTags letters whose tags the index is to look up
 */
export async function measure(pieces: Piece[], options: ConvertOptions, indexTags: string[]): Promise<Measured> {
  const verifier = options.validateSignatures ? await selectVerifier() : null;
  const signatures = verifier === null ? null : createSignatureCheck(verifier);
  const folder = mkdtempSync(join(tmpdir(), "proton-beam-estimate-"));
  try {
    const started = processorSeconds();
    const arena = createArena();
    const { counts, times, pubkeys } = judgePieces(pieces, options, signatures, arena);
    const encoded = writeDay(arena, join(folder, "day"), options.compressionLevel, createTagHasher(indexTags));
    const converted = processorSeconds();
    const indexBytes = writeIndex(join(folder, "index.db"), indexTags, encoded.members, encoded.rows);
    return {
      pieces: counts,
      times: times.sort((a, b) => a - b),
      pubkeys,
      segmentBytes: encoded.segmentBytes,
      dailyBytes: encoded.dailyBytes,
      indexBytes,
      seconds: { convert: converted - started, index: processorSeconds() - converted },
      verifier: verifier?.name ?? null,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function judgePieces(
  pieces: Piece[],
  options: ConvertOptions,
  signatures: SignatureCheck | null,
  arena: Arena,
): { counts: PieceCounts[]; times: number[]; pubkeys: number[] } {
  const seen = new Map<string, { piece: number; at: number }>();
  const authors = new Set<string>();
  const times: number[] = [];
  const pubkeys: number[] = [];
  const note = (event: number, piece: number, counts: PieceCounts) => {
    const record = arena.record(event);
    const id = recordId(record);
    const earlier = seen.get(id);
    seen.set(id, { piece, at: counts.valid });
    if (earlier === undefined) {
      authors.add(recordPubkey(record));
      pubkeys.push(authors.size);
      times.push(recordCreatedAt(record, 0));
    } else if (earlier.piece === piece) counts.repeatedAfter.push(counts.valid - earlier.at);
    else counts.repeatedIn.push(earlier.piece);
    counts.valid++;
  };

  const counts = pieces.map(({ bytes, lines, tooLong }, number) => {
    const of: PieceCounts = {
      bytes,
      lines: lines.length + tooLong,
      valid: 0,
      filtered: 0,
      rejected: tooLong === 0 ? {} : { "line-too-long": tooLong },
      repeatedAfter: [],
      repeatedIn: [],
    };
    const judge = createJudge(options, signatures, arena, {
      rejected: (reason) => tally(of.rejected, reason),
      filtered: () => {
        of.filtered++;
      },
      kept: (event) => note(event, number, of),
    });
    for (const line of lines) judge.line(line, 0, line.length, 0, false);
    judge.settle();
    return of;
  });
  return { counts, times, pubkeys };
}

/** Writes all events as one daily file, and takes the size that they have in segments. */
function writeDay(arena: Arena, path: string, compressionLevel: ConvertOptions["compressionLevel"], tagsOf: TagHasher) {
  const file = createAtomicFile(path);
  try {
    const dayFile = createDayFileWriter(file, compressionLevel);
    const frame = Buffer.allocUnsafe(FRAME_BYTES);
    let used = 0;
    let segmentBytes = 0;
    const rows: IndexRow[] = [];
    const endFrame = (bytes: Buffer) => {
      segmentBytes += Bun.zstdCompressSync(bytes, { level: 1 }).length;
    };
    arena.forEachUnique((_day, slab, start, end) => {
      rows.push({ ...rowOf(slab, start, dayFile.add(slab, start, end)), tags: tagsOf(slab, start, end) });
      if (used + end - start > FRAME_BYTES) {
        endFrame(frame.subarray(0, used));
        used = 0;
      }
      if (end - start > FRAME_BYTES) endFrame(slab.subarray(start, end));
      else used += slab.copy(frame, used, start, end);
    });
    if (used > 0) endFrame(frame.subarray(0, used));
    const { size, members } = dayFile.finish();
    return { segmentBytes, dailyBytes: size, members, rows };
  } finally {
    file.abort();
  }
}

function rowOf(slab: Buffer, start: number, place: EventPlace): IndexRow {
  const keys = Buffer.allocUnsafe(2 * KEY_BYTES);
  copyRecordKeys(slab, start, keys, 0);
  return {
    id: keys.subarray(0, KEY_BYTES),
    pubkey: keys.subarray(KEY_BYTES),
    createdAt: recordCreatedAt(slab, start),
    kind: recordKind(slab, start),
    ...place,
  };
}

function writeIndex(path: string, tags: string[], members: Member[], rows: IndexRow[]): number {
  const index = createIndexBuilder(path, tags);
  index.addDay("day", null, members, rows);
  index.finish();
  return statSync(path).size;
}
