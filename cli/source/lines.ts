const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const HEAD_BYTES = 1024;

/** Takes the lines of a chunk. Bytes are valid only during the call. */
export interface LineSink {
  /** A line without its line ending; `offset` is that of its first byte in the input. */
  line(bytes: Buffer, offset: number): void;
  /** A line of white space only. */
  blank(): void;
  /** A line over the limit, of which the first KiB is given. */
  tooLong(head: Buffer, offset: number): void;
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
 */
export async function scanLines(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  range: ByteRange,
  maxLineBytes: number,
  sink: LineSink,
): Promise<void> {
  let position = scanFrom(range);
  let lineStart = position;
  /** Bytes of the line at `lineStart` from earlier blocks. */
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  /** The line at `lineStart` is not for the sink: it began before the chunk, or was reported as too long. */
  let skipping = range.start > 0;

  const isTooLong = (bytes: number) => !skipping && bytes > maxLineBytes;
  const report = (rest: Buffer) => {
    const line = carriedBytes === 0 ? rest : Buffer.concat([...carried, rest]);
    if (isTooLong(line.length)) sink.tooLong(line.subarray(0, HEAD_BYTES), lineStart);
    else if (!skipping) giveLine(line, lineStart, sink);
  };

  for await (const bytes of blocks) {
    const block = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (let newline = block.indexOf(NEWLINE); newline >= 0; newline = block.indexOf(NEWLINE, at)) {
      report(block.subarray(at, newline));
      carried = [];
      carriedBytes = 0;
      skipping = false;
      at = newline + 1;
      lineStart = position + at;
      if (lineStart >= range.end) return;
    }
    position += block.length;
    if (skipping) {
      if (position >= range.end) return;
      continue;
    }
    if (at < block.length) {
      carried.push(Buffer.from(block.subarray(at)));
      carriedBytes += block.length - at;
    }
    if (isTooLong(carriedBytes)) {
      report(Buffer.alloc(0));
      carried = [];
      carriedBytes = 0;
      skipping = true;
      if (position >= range.end) return;
    }
  }
  if (carriedBytes > 0) report(Buffer.alloc(0));
}

function giveLine(bytes: Buffer, offset: number, sink: LineSink): void {
  let start = 0;
  let end = bytes.length;
  if (offset === 0 && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) start = 3;
  if (end > start && bytes[end - 1] === CARRIAGE_RETURN) end--;
  const line = bytes.subarray(start, end);
  if (isBlank(line)) sink.blank();
  else sink.line(line, offset + start);
}

function isBlank(line: Buffer): boolean {
  for (const byte of line) if (byte !== 0x20 && byte !== 0x09 && byte !== CARRIAGE_RETURN) return false;
  return true;
}
