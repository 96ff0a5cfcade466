import { EXIT, ProtonBeamError } from "../errors.ts";
import type { Link } from "../net/link.ts";
import type { S3Clients } from "../net/s3.ts";
import { readResumed, type Transfer } from "../net/transfer.ts";
import { decompress } from "./compression.ts";
import { assertFileUnchanged, readFile } from "./file.ts";
import { assertHttpUnchanged, openHttp } from "./http.ts";
import { type ByteRange, scanFrom } from "./lines.ts";
import { assertObjectUnchanged, openObject } from "./s3.ts";
import type { Location, Source } from "./source.ts";

/** Read beyond a chunk's end at once, for the rest of its last line. */
const TAIL_BYTES = 64 * 1024;

type RemoteLocation = Location & { kind: "http" | "s3" };

/**
 * The blocks for a chunk of a seekable source, from `scanFrom(range)` on: by ranged requests that go little beyond the
 * chunk, and further as long as its last line goes on.
 */
export async function* readChunk(source: Source, range: ByteRange, clients: S3Clients): AsyncGenerator<Uint8Array> {
  const { location, input } = source;
  if (location.kind === "file") {
    yield* readFile(location, scanFrom(range));
    return;
  }
  const size = input.size ?? range.end;
  let from = scanFrom(range);
  let tail = TAIL_BYTES;
  for (let to = Math.min(range.end + tail, size); from < size; to = Math.min(to + tail, size)) {
    yield* readRange(source, from, to, clients);
    from = to;
    tail *= 4;
  }
}

/**
 * The stored bytes of a source between `from` and `to`.
 * @param to null for the end of a source whose size is not known
 * @throws {ProtonBeamError} resumable, when the link's time budget is spent; failed, when the source changed
 */
export async function* readRange(
  source: Source,
  from: number,
  to: number | null,
  clients: S3Clients,
): AsyncGenerator<Uint8Array> {
  const { location, input } = source;
  if (location.kind === "file") {
    let left = (to ?? location.size) - from;
    for await (const block of readFile(location, from)) {
      yield block.subarray(0, left);
      left -= block.length;
      if (left <= 0) return;
    }
    return;
  }
  if (location.kind === "stdin") throw new Error("standard input has no ranges");
  const open = (start: number, end: number | null) => openRemote(source, location, start, end, clients);
  yield* readResumed(`reading ${input.name}`, linkOf(location), open, from, to);
}

/** The content of a whole source, in one pass and decompressed. */
export function readStream(
  source: Source,
  stdin: () => AsyncIterable<Uint8Array>,
  clients: S3Clients,
): AsyncGenerator<Uint8Array> {
  const { location, input } = source;
  const stored = location.kind === "stdin" ? stdin() : readRange(source, 0, input.size, clients);
  return decompress(input.name, stored);
}

function openRemote(
  source: Source,
  location: RemoteLocation,
  from: number,
  to: number | null,
  clients: S3Clients,
): Promise<Transfer> {
  if (location.kind === "http") return openHttp(source.input, location, from, to);
  if (to === null) throw new ProtonBeamError(`the size of ${source.input.name} is not known`, EXIT.failed);
  return openObject(source.input, location, from, to, clients);
}

function linkOf(location: RemoteLocation): Link {
  return location.kind === "http" ? location.link : location.access.link;
}

/** @throws {ProtonBeamError} when a source is no longer the one that was planned */
export async function assertUnchanged({ input, location }: Source, clients: S3Clients): Promise<void> {
  if (location.kind === "file") assertFileUnchanged(location);
  if (location.kind === "http") await assertHttpUnchanged(input, location);
  if (location.kind === "s3") await assertObjectUnchanged(input, location, clients);
}
