import type { ByteRange } from "./lines.ts";

const NEWLINE = 0x0a;

/** A chunk of a stream with its bytes: from `scanFrom(range)` to the end of the last line that starts in it. */
export interface StreamChunk {
  range: ByteRange;
  bytes: Uint8Array;
}

/**
 * Cuts a stream into chunks of `chunkBytes`, each with the rest of its last line (up to `maxLineBytes` of it, and one
 * byte more, so that a line over the limit is seen to be so). Holds one chunk at a time.
 */
export async function* chunkStream(
  stream: AsyncIterable<Uint8Array>,
  chunkBytes: number,
  maxLineBytes: number,
): AsyncGenerator<StreamChunk> {
  const pending: Uint8Array[] = [];
  let pendingStart = 0;
  let pendingEnd = 0;
  let start = 0;
  let searched = 0;

  /** The pending bytes from..to; drops those before `keepFrom`. */
  const take = (from: number, to: number, keepFrom: number): Uint8Array => {
    const taken = new Uint8Array(to - from);
    let at = pendingStart;
    const kept: Uint8Array[] = [];
    for (const piece of pending) {
      const begin = Math.max(from, at);
      const finish = Math.min(to, at + piece.length);
      if (begin < finish) taken.set(piece.subarray(begin - at, finish - at), begin - from);
      if (at + piece.length > keepFrom) kept.push(piece.subarray(Math.max(keepFrom - at, 0)));
      at += piece.length;
    }
    pending.splice(0, pending.length, ...kept);
    pendingStart = Math.max(keepFrom, pendingStart);
    return taken;
  };
  const cut = (end: number, lineEnd: number): StreamChunk => {
    const chunk = { range: { start, end }, bytes: take(Math.max(start - 1, 0), lineEnd, end - 1) };
    start = end;
    searched = end;
    return chunk;
  };

  for await (const piece of stream) {
    pending.push(piece);
    pendingEnd += piece.length;
    for (;;) {
      const end = start + chunkBytes;
      if (pendingEnd < end) break;
      const lineEnd = findLineEnd(pending, pendingStart, Math.max(searched, end - 1));
      if (lineEnd < 0 && pendingEnd <= end + maxLineBytes) {
        searched = pendingEnd;
        break;
      }
      yield cut(end, lineEnd < 0 ? end + maxLineBytes + 1 : lineEnd);
    }
  }
  while (start < pendingEnd) {
    const end = Math.min(start + chunkBytes, pendingEnd);
    const lineEnd = findLineEnd(pending, pendingStart, end - 1);
    yield cut(end, lineEnd < 0 ? pendingEnd : lineEnd);
  }
}

/** The offset behind the first newline at or after `from`, or -1. */
function findLineEnd(pieces: Uint8Array[], piecesStart: number, from: number): number {
  let at = piecesStart;
  for (const piece of pieces) {
    if (at + piece.length > from) {
      const index = piece.indexOf(NEWLINE, Math.max(from - at, 0));
      if (index >= 0) return at + index + 1;
    }
    at += piece.length;
  }
  return -1;
}
