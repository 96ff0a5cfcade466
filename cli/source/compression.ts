import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import type { Compression } from "./inputs.ts";
import { createZstdFrames } from "./zstd-frames.ts";

/** Bytes that tell how an input is compressed. */
export const MAGIC_BYTES = 6;

/** How content that begins with `head` is compressed: by RFC 1952, RFC 8878, the .xz file format and bzip2. */
export function detectCompression(head: Uint8Array): Compression {
  const startsWith = (...magic: number[]) => magic.every((byte, i) => head[i] === byte);
  if (startsWith(0x1f, 0x8b)) return "gzip";
  if (startsWith(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  if (head.length >= 4 && (head[0] & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18)
    return "zstd";
  if (startsWith(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  if (startsWith(0x42, 0x5a, 0x68) && head[3] >= 0x31 && head[3] <= 0x39) return "bzip2";
  return "none";
}

/**
 * The content of a stream: decompressed when its first bytes say that it is compressed, to the end of the last of any
 * number of members, frames or streams laid end to end.
 * @throws {ProtonBeamError} when the stream is cut short or damaged, with the byte
 */
export async function* decompress(name: string, stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, stream } = await peek(stored);
  const compression = detectCompression(head);
  if (compression === "none") {
    yield* stream;
    return;
  }
  let read = 0;
  const zstd = compression === "zstd" ? createZstdFrames() : null;
  let tail = Buffer.alloc(0);
  async function* counted(): AsyncGenerator<Bytes> {
    for await (const piece of stream) {
      read += piece.length;
      zstd?.add(piece);
      tail = Buffer.concat([tail, piece.subarray(-XZ_TAIL)]).subarray(-XZ_TAIL);
      // The source may use the memory of a piece again, but decompressors hold on to what they are given.
      yield new Uint8Array(piece);
    }
  }
  try {
    yield* DECOMPRESSORS[compression](counted());
  } catch (error) {
    if (error instanceof ProtonBeamError) throw error;
    throw damaged(name, compression, read, errorMessage(error));
  }
  if (zstd !== null && !zstd.isWhole()) throw damaged(name, compression, read, "it ends in the middle of a frame");
  if (compression === "xz" && !endsLikeXz(tail)) throw damaged(name, compression, read, "it ends without a footer");
}

const XZ_TAIL = 64;

/** The .xz file format: a stream ends with "YZ", after it there may be zero bytes. */
function endsLikeXz(tail: Buffer): boolean {
  let end = tail.length;
  while (end > 0 && tail[end - 1] === 0) end--;
  return tail.subarray(0, end).toString("latin1").endsWith("YZ");
}

type Bytes = Uint8Array<ArrayBuffer>;
type Decompressor = (stored: AsyncGenerator<Bytes>) => AsyncIterable<Uint8Array>;

const DECOMPRESSORS: Record<Exclude<Compression, "none">, Decompressor> = {
  gzip: (stored) => toStream(stored).pipeThrough(new DecompressionStream("gzip")),
  zstd: (stored) => toStream(stored).pipeThrough(new DecompressionStream("zstd")),
  xz: decompressXz,
  bzip2: decompressBzip2,
};

async function* decompressXz(stored: AsyncGenerator<Bytes>): AsyncGenerator<Uint8Array> {
  const { XzReadableStream } = await import("xz-decompress");
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  // The library does not pass on the errors of its source.
  async function* watched(): AsyncGenerator<Bytes> {
    try {
      yield* stored;
    } catch (error) {
      failed.reject(error);
      throw error;
    }
  }
  const reader = new XzReadableStream(toStream(watched())).getReader();
  for (;;) {
    const next = await Promise.race([reader.read(), failed.promise]);
    if (next.done) return;
    yield next.value;
  }
}

async function* decompressBzip2(stored: AsyncGenerator<Bytes>): AsyncGenerator<Uint8Array> {
  const [{ default: unbzip2 }, { Readable, PassThrough, pipeline }] = await Promise.all([
    import("unbzip2-stream"),
    import("node:stream"),
  ]);
  const output = new PassThrough();
  let failure: unknown = null;
  async function* watched(): AsyncGenerator<Bytes> {
    try {
      yield* stored;
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  pipeline(Readable.from(watched(), { objectMode: false }), unbzip2(), output, () => {});
  try {
    yield* output;
  } catch (error) {
    throw failure ?? error;
  }
}

function toStream(pieces: AsyncGenerator<Bytes>): ReadableStream<Bytes> {
  return new ReadableStream({
    pull: async (controller) => {
      const next = await pieces.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: async () => {
      await pieces.return(undefined);
    },
  });
}

/** The first bytes of a stream, and the whole stream. */
async function peek(stored: AsyncIterable<Uint8Array>) {
  const pieces = stored[Symbol.asyncIterator]();
  const taken: Uint8Array[] = [];
  let head = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const next = await pieces.next();
    if (next.done) break;
    taken.push(new Uint8Array(next.value));
    head = Buffer.concat([head, next.value]);
  }
  async function* stream(): AsyncGenerator<Uint8Array> {
    try {
      yield* taken;
      for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
    } finally {
      // Not awaited: a pipe that stays silent must not hold up the end.
      pieces.return?.().catch(() => {});
    }
  }
  return { head, stream: stream() };
}

function damaged(name: string, compression: Compression, byte: number, why: string): ProtonBeamError {
  return new ProtonBeamError(
    `${name}: the ${compression} stream is damaged or cut short at or before byte ${byte}: ${why}. The chunks before it are ` +
      "converted and kept, nothing is published. Get a whole copy of the file; or convert what can be read of this one " +
      "by piping it through a decompressor, with another --output-dir.",
    EXIT.failed,
  );
}
