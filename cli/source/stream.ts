import { closeSync, openSync } from "node:fs";
import { writeAll } from "../store/blocks.ts";
import { type ByteRange, scanFrom } from "./lines.ts";

const NEWLINE = 0x0a;

/** A chunk of a stream, spooled to a file: the bytes from `scanFrom(range)` to the end of the last line that starts in it. */
export interface SpooledChunk {
  range: ByteRange;
  path: string;
}

/**
 * Cuts a stream into chunks of `chunkBytes` and writes each, with the rest of its last line, to a file of its own. Of a
 * line over `maxLineBytes` one byte more than that is written, so that it is seen to be too long. Holds in memory what
 * lies behind the end of a chunk until its last line ends.
 * @param nextPath names the file of the next chunk; who takes the chunk removes it
 */
export async function* spoolStream(
  stream: AsyncIterable<Uint8Array>,
  chunkBytes: number,
  maxLineBytes: number,
  nextPath: () => string,
): AsyncGenerator<SpooledChunk> {
  const held = createHeldBytes();
  let range = { start: 0, end: chunkBytes };
  let spool = createSpool(nextPath);
  let searched = 0;

  /** Ends the chunk at `lineEnd`; the next one needs the bytes from its `scanFrom` on. */
  const cut = (lineEnd: number): SpooledChunk => {
    held.copyTo(lineEnd, spool.write);
    const chunk = { range, path: spool.close() };
    range = { start: range.end, end: range.end + chunkBytes };
    held.dropBefore(scanFrom(range));
    spool = createSpool(nextPath);
    searched = range.start;
    return chunk;
  };

  for await (const piece of stream) {
    held.add(piece);
    while (held.end() >= range.end) {
      const lineEnd = held.lineEnd(Math.max(searched, range.end - 1));
      const limit = range.end + maxLineBytes + 1;
      if (lineEnd < 0 && held.end() < limit) {
        searched = held.end();
        break;
      }
      yield cut(lineEnd < 0 ? limit : lineEnd);
    }
    if (held.end() < range.end) {
      held.copyTo(held.end(), spool.write);
      held.dropBefore(held.end());
    }
  }
  while (range.start < held.end()) {
    range = { ...range, end: Math.min(range.end, held.end()) };
    const lineEnd = held.lineEnd(Math.max(range.end - 1, held.start()));
    yield cut(lineEnd < 0 ? held.end() : lineEnd);
  }
}

/** A file that is made when there is something to write. */
function createSpool(nextPath: () => string) {
  let path = "";
  let file: number | null = null;
  return {
    write: (bytes: Uint8Array) => {
      if (file === null) {
        path = nextPath();
        file = openSync(path, "w");
      }
      writeAll(file, bytes);
    },
    close: () => {
      if (file !== null) closeSync(file);
      return path;
    },
  };
}

/** The latest bytes of a stream, by their offsets in it. */
function createHeldBytes() {
  const pieces: Uint8Array[] = [];
  let start = 0;
  let end = 0;

  const dropBefore = (offset: number) => {
    while (pieces.length > 0 && start + pieces[0].length <= offset) start += pieces.shift()?.length ?? 0;
    if (pieces.length === 0 || start >= offset) return;
    pieces[0] = pieces[0].subarray(offset - start);
    start = offset;
  };

  return {
    start: () => start,
    end: () => end,
    add: (piece: Uint8Array) => {
      pieces.push(piece);
      end += piece.length;
    },
    /** Gives the held bytes before `to`. */
    copyTo: (to: number, write: (bytes: Uint8Array) => void) => {
      let at = start;
      for (const piece of pieces) {
        if (at >= to) break;
        write(piece.subarray(0, to - at));
        at += piece.length;
      }
    },
    dropBefore,
    /** The offset behind the first newline at or after `from`, or -1. */
    lineEnd: (from: number) => {
      let at = start;
      for (const piece of pieces) {
        if (at + piece.length > from) {
          const index = piece.indexOf(NEWLINE, Math.max(from - at, 0));
          if (index >= 0) return at + index + 1;
        }
        at += piece.length;
      }
      return -1;
    },
  };
}
