import { isUtf8 } from "node:buffer";

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const HEAD_BYTES = 1024;

/** A good size for the window of {@link scanLines}: signatures of so many lines are checked together. */
export const WINDOW_BYTES = 16 * 1024 ** 2;

/** Takes the lines of a chunk. */
export interface LineSink {
  /**
   * A line without its line ending, `window[start..end)`; `offset` is that of its first byte in the input. The bytes stay
   * as they are until `settle` has been called.
   * @param isUtf8 true when the bytes are known to be valid UTF-8; false says nothing
   */
  line(window: Buffer, start: number, end: number, offset: number, isUtf8: boolean): void;
  /** A line of white space only. */
  blank(): void;
  /** A line over the limit, of which the first KiB is given; its bytes stay as those of a line. */
  tooLong(head: Buffer, offset: number): void;
  /** The lines so far are about to be overwritten, or all lines were given. */
  settle(): void;
}

/** A byte range of an input, `end` excluded. */
export interface ByteRange {
  start: number;
  end: number;
}

/** Where the blocks for a chunk must begin: one byte early, to see whether a line starts at the chunk's first byte. */
export function scanFrom(range: ByteRange): number {
  return Math.max(range.start - 1, 0);
}

/**
 * Gives `sink` the lines whose first byte lies in `range`, and stops taking blocks when it has them. Blocks are the
 * input's bytes from {@link scanFrom} on. Lines end in LF or CRLF, the last one also at the end of the input; a byte
 * order mark at the start of the input is skipped. Memory is bounded by `maxLineBytes`.
 * @param window memory to use: holds as many lines as fit, and is left for a larger one while a line needs it
 */
export async function scanLines(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  range: ByteRange,
  maxLineBytes: number,
  sink: LineSink,
  window: Buffer,
): Promise<void> {
  let buffer = window;
  let filled = 0;
  /** Where the current line starts in the buffer, and up to where its end was looked for. */
  let lineAt = 0;
  let searched = 0;
  /** Where the buffer's first byte is in the input. */
  let base = scanFrom(range);
  /** The current line is not for the sink: it began before the chunk, or was reported as too long. */
  let skipping = range.start > 0;

  const giveTooLong = () =>
    sink.tooLong(buffer.subarray(lineAt, lineAt + Math.min(HEAD_BYTES, maxLineBytes)), base + lineAt);
  const giveLine = (end: number, isText: boolean) => {
    const offset = base + lineAt;
    if (end - lineAt > maxLineBytes) return giveTooLong();
    let start = lineAt;
    if (offset === 0 && buffer.subarray(0, Math.min(3, end)).equals(BYTE_ORDER_MARK)) start = 3;
    const last = end > start && buffer[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    if (isBlank(buffer, start, last)) sink.blank();
    else sink.line(buffer, start, last, base + start, isText);
  };
  /** Gives the lines that are whole; true when they were the last ones of the range. */
  const giveLines = (): boolean => {
    const lastNewline = buffer.subarray(searched, filled).lastIndexOf(NEWLINE);
    const isText = lastNewline >= 0 && isUtf8(buffer.subarray(lineAt, searched + lastNewline));
    const wholeEnd = searched + lastNewline + 1;
    while (searched < wholeEnd) {
      const newline = buffer.indexOf(NEWLINE, searched);
      if (!skipping) giveLine(newline, isText);
      skipping = false;
      lineAt = newline + 1;
      searched = lineAt;
      if (base + lineAt >= range.end) return true;
    }
    searched = filled;
    if (!skipping && filled - lineAt > maxLineBytes) {
      giveTooLong();
      skipping = true;
    }
    if (!skipping) return false;
    lineAt = filled;
    return base + filled >= range.end;
  };
  /** Moves the current line to the front, of a larger buffer when it fills this one. */
  const makeRoom = () => {
    sink.settle();
    const rest = buffer.subarray(lineAt, filled);
    const isAtHome = rest.length < window.length;
    const next = isAtHome ? window : lineAt === 0 ? Buffer.allocUnsafe(2 * buffer.length) : buffer;
    next.set(rest);
    buffer = next;
    base += lineAt;
    searched -= lineAt;
    filled = rest.length;
    lineAt = 0;
  };

  for await (const block of blocks) {
    for (let taken = 0; taken < block.length; ) {
      if (filled === buffer.length) makeRoom();
      const piece = block.subarray(taken, taken + buffer.length - filled);
      buffer.set(piece, filled);
      filled += piece.length;
      taken += piece.length;
      if (!giveLines()) continue;
      sink.settle();
      return;
    }
  }
  if (!skipping && filled > lineAt) giveLine(filled, false);
  sink.settle();
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x09 && byte !== CARRIAGE_RETURN) return false;
  }
  return true;
}
