import { once } from "node:events";
import { Readable } from "node:stream";
import { crc32, createInflateRaw } from "node:zlib";
import { errorMessage } from "../errors.ts";

/** Compressed bytes that are looked at for the end of a member; larger ones are inflated as a stream. */
const WINDOW_BYTES = 16 * 1024 ** 2;
const INFLATE_CHUNK_BYTES = 256 * 1024;
const FEED_BYTES = 64 * 1024;
const HEADER_BYTES = 10;
const MAX_HEADER_BYTES = 128 * 1024;
const DEFLATE = 8;
const TRAILER_BYTES = 8;
const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;

/** Uncompressed bytes of a gzip member, in its order. */
export interface MemberPiece {
  /** Where the member starts in the file. */
  offset: number;
  data: Buffer;
  /** With the last piece: the compressed bytes of the member, header and trailer included. */
  length: number | null;
}

/** A gzip file is damaged or cut short in the member at `offset`. */
export class DamagedMember extends Error {
  readonly offset: number;

  constructor(offset: number, why: string) {
    super(`the gzip member at byte ${offset} is damaged or cut short: ${why}`);
    this.offset = offset;
  }
}

/**
 * The members of a gzip file (RFC 1952) of any tool: one of gigabytes or thousands of small ones, in bounded memory. Small
 * ones come as one piece. CRC and size are checked before the last piece of a member is given.
 * @param stored the bytes of the file from `start` on, where a member begins
 * @throws {DamagedMember}
 */
export async function* readGzipMembers(
  stored: AsyncIterable<Uint8Array>,
  start = 0,
): AsyncGenerator<MemberPiece, void, undefined> {
  const source = stored[Symbol.asyncIterator]();
  const input = createWindow(source);
  try {
    for (let offset = start; await input.fill(1); ) {
      const small = await readSmallMember(input);
      if (small === null) offset = yield* inflateMember(input, offset);
      else {
        yield { offset, data: small.data, length: small.length };
        input.drop(small.length);
        offset += small.length;
      }
    }
  } finally {
    await source.return?.();
  }
}

/** The member at the start of the window, if it ends in it: before a header that is the same as its own, or with the file. */
async function readSmallMember(input: Window): Promise<{ data: Buffer; length: number } | null> {
  await input.fill(HEADER_BYTES + TRAILER_BYTES);
  const header = Buffer.from(input.bytes().subarray(0, HEADER_BYTES));
  for (let from = HEADER_BYTES + TRAILER_BYTES; ; ) {
    const bytes = input.bytes();
    const next = bytes.indexOf(header, from);
    if (next < 0 && bytes.length < WINDOW_BYTES && (await input.fill(bytes.length + 1))) {
      from = Math.max(from, bytes.length - HEADER_BYTES);
      continue;
    }
    if (next < 0 && !input.ended()) return null;
    const length = next < 0 ? bytes.length : next;
    const data = gunzipExactly(bytes.subarray(0, length));
    if (data !== null) return { data, length };
    if (next < 0) return null;
    from = next + 1;
  }
}

/** The content of one whole member, or null when `bytes` are anything else. */
function gunzipExactly(bytes: Buffer): Buffer | null {
  if (bytes.length < HEADER_BYTES + TRAILER_BYTES) return null;
  try {
    const data = Buffer.from(Bun.gunzipSync(new Uint8Array(bytes), { library: "libdeflate" }));
    const trailer = bytes.subarray(-TRAILER_BYTES);
    // The decompressor leaves bytes after the member alone: its own trailer must be the last thing.
    return trailer.readUInt32LE(4) === data.length % 2 ** 32 && trailer.readUInt32LE(0) === crc32(data) ? data : null;
  } catch {
    return null;
  }
}

/** Inflates the member at the start of the window as a stream. @returns where the next one starts */
async function* inflateMember(input: Window, offset: number): AsyncGenerator<MemberPiece, number, undefined> {
  const headerLength = await measureHeader(input, offset);
  input.drop(headerLength);
  const inflate = createInflateRaw({ chunkSize: INFLATE_CHUNK_BYTES });
  // The last of what was given to the inflater: it may lie behind the end of the member.
  const kept: Buffer[] = [];
  let given = 0;
  async function* feed(): AsyncGenerator<Buffer> {
    while (await input.fill(1)) {
      const bytes = input.take(FEED_BYTES);
      kept.push(bytes);
      given += bytes.length;
      yield bytes;
    }
  }
  const source = Readable.from(feed(), { objectMode: false });
  source.on("error", (error) => inflate.destroy(error));
  source.pipe(inflate);
  let size = 0;
  let crc = 0;
  let held: Buffer = Buffer.alloc(0);
  try {
    for await (const piece of inflate as AsyncIterable<Buffer>) {
      if (size > 0) yield { offset, data: held, length: null };
      held = piece;
      size += piece.length;
      crc = crc32(piece, crc);
      while (kept.length > 1 && given - sizeOf(kept) + kept[0].length <= inflate.bytesWritten) kept.shift();
    }
  } catch (error) {
    throw input.failure() ?? new DamagedMember(offset, errorMessage(error));
  } finally {
    source.unpipe(inflate);
    const closed = source.closed ? null : once(source, "close");
    source.destroy();
    await closed;
  }
  input.putBack(Buffer.concat(kept).subarray(sizeOf(kept) - (given - inflate.bytesWritten)));
  await input.fill(TRAILER_BYTES);
  const trailer = input.take(TRAILER_BYTES);
  if (trailer.length < TRAILER_BYTES) throw new DamagedMember(offset, "the file ends in it");
  if (trailer.readUInt32LE(0) !== crc || trailer.readUInt32LE(4) !== size % 2 ** 32)
    throw new DamagedMember(offset, "its checksum is not that of its content");
  const length = headerLength + inflate.bytesWritten + TRAILER_BYTES;
  yield { offset, data: held, length };
  return offset + length;
}

/** The bytes of the header at the start of the window (RFC 1952, 2.3). */
async function measureHeader(input: Window, offset: number): Promise<number> {
  await input.fill(MAX_HEADER_BYTES);
  const bytes = input.bytes();
  if (bytes.length < HEADER_BYTES || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== DEFLATE)
    throw new DamagedMember(offset, "there is no gzip header");
  const flags = bytes[3];
  let at = HEADER_BYTES;
  if (flags & FEXTRA) at += 2 + (bytes[at] | (bytes[at + 1] << 8));
  for (const flag of [FNAME, FCOMMENT]) {
    if (!(flags & flag)) continue;
    const end = bytes.indexOf(0, at);
    if (end < 0) throw new DamagedMember(offset, "its header does not end");
    at = end + 1;
  }
  if (flags & FHCRC) at += 2;
  if (at > bytes.length) throw new DamagedMember(offset, "its header does not end");
  return at;
}

/** Bytes that were received and not yet used. */
interface Window {
  bytes(): Buffer;
  /** Receives until there are `length` bytes; false when the file ends before. */
  fill(length: number): Promise<boolean>;
  /** Whether all of the file was received. */
  ended(): boolean;
  drop(length: number): void;
  /** Gives the first bytes away, at most `limit`. */
  take(limit: number): Buffer;
  putBack(bytes: Buffer): void;
  /** What the source threw. */
  failure(): unknown;
}

function createWindow(source: AsyncIterator<Uint8Array>): Window {
  let buffer = Buffer.allocUnsafe(FEED_BYTES);
  let start = 0;
  let end = 0;
  let isEnded = false;
  let failure: unknown;

  const makeRoom = (length: number) => {
    if (end + length <= buffer.length) return;
    const used = end - start;
    const target = used + length <= buffer.length ? buffer : Buffer.allocUnsafe(2 * (used + length));
    buffer.copy(target, 0, start, end);
    buffer = target;
    start = 0;
    end = used;
  };
  const append = (piece: Uint8Array) => {
    makeRoom(piece.length);
    buffer.set(piece, end);
    end += piece.length;
  };
  const take = (limit: number) => {
    const taken = Buffer.from(buffer.subarray(start, Math.min(end, start + limit)));
    start += taken.length;
    return taken;
  };

  return {
    bytes: () => buffer.subarray(start, end),
    fill: async (length) => {
      while (end - start < length && !isEnded) {
        try {
          const next = await source.next();
          if (next.done) isEnded = true;
          else append(next.value);
        } catch (error) {
          failure = error;
          throw error;
        }
      }
      return end - start >= length;
    },
    ended: () => isEnded,
    drop: (length) => {
      start += length;
    },
    take,
    putBack: (bytes) => {
      const rest = take(end - start);
      start = 0;
      end = 0;
      append(bytes);
      append(rest);
    },
    failure: () => failure,
  };
}

function sizeOf(pieces: Buffer[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}
