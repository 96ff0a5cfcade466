import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import type { S3Clients } from "../net/s3.ts";
import { type SourceRange, spreadRanges } from "../plan/spread.ts";
import { decompress } from "../source/compression.ts";
import { contentSize } from "../source/inputs.ts";
import { type ByteRange, type LineSink, scanLines, WINDOW_BYTES } from "../source/lines.ts";
import { readChunk, readRange } from "../source/read.ts";
import { isSeekable, type Source } from "../source/source.ts";
import { processorSeconds } from "./processor.ts";

const PIECES = 8;
const PIECE_BYTES = 4 * 1024 ** 2;
/** Stored bytes that are decompressed of each of at most so many streams. */
const STREAMS = 4;
const PREFIX_BYTES = 4 * 1024 ** 2;
const CUT_BYTES = 32 * 1024;
/** What is enough of a stream that compresses extraordinarily well. */
const ENOUGH_BYTES = 32 * 1024 ** 2;
const NEWLINE = 0x0a;

/** The lines of a part of the input. */
export interface Piece {
  lines: Buffer[];
  blank: number;
  tooLong: number;
  /** How much of the input the lines are, with their ends. */
  bytes: number;
}

/** Inputs of one sort, and what was read of them. */
export interface Stratum {
  /** JSON Lines in these inputs, bytes; an estimate when they are compressed. */
  bytes: number;
  pieces: Piece[];
  /** Whether the pieces are from all over the inputs, not from their beginnings. */
  isSpread: boolean;
  /** Whether the pieces are all there is. */
  isWhole: boolean;
}

/** A sample of the inputs. */
export interface Sample {
  /** Inputs that can be read anywhere: parts spread over them. */
  spread: Stratum | null;
  /** Inputs that can be read from their beginning only: their beginnings. */
  streams: (Stratum & { inputs: number; storedBytes: number; bytesPerSecond: number }) | null;
}

/**
 * Reads at most 32 MiB of plain inputs, and 4 MiB each of at most 4 that are compressed or come without ranges.
 * @throws {ProtonBeamError} when an input cannot be read, or its size is not known
 */
export async function takeSample(sources: Source[], maxLineBytes: number, clients: S3Clients): Promise<Sample> {
  const seekable = sources.filter(isSeekable);
  const streams = sources.filter((source) => !isSeekable(source));
  return {
    spread: seekable.length === 0 ? null : await sampleSpread(seekable, maxLineBytes, clients),
    streams: streams.length === 0 ? null : await sampleStreams(streams, maxLineBytes, clients),
  };
}

async function sampleSpread(sources: Source[], maxLineBytes: number, clients: S3Clients): Promise<Stratum> {
  const bytes = sources.reduce((sum, { input }) => sum + (contentSize(input) ?? 0), 0);
  const ranges = spreadRanges(sources, PIECES, PIECE_BYTES);
  const read = ({ source, range }: SourceRange) => readPiece(readChunk(source, range, clients), range, maxLineBytes);
  const pieces = await Promise.all(ranges.map(read));
  return { bytes, pieces, isSpread: true, isWhole: bytes === pieces.reduce((sum, piece) => sum + piece.bytes, 0) };
}

async function sampleStreams(
  sources: Source[],
  maxLineBytes: number,
  clients: S3Clients,
): Promise<NonNullable<Sample["streams"]>> {
  const storedBytes = sources.reduce((sum, source) => sum + storedSize(source), 0);
  const chosen = sources.length <= STREAMS ? sources : spreadOver(sources, STREAMS);
  const prefixes: Prefix[] = [];
  const pieces: Piece[] = [];
  let seconds = 0;
  for (const source of chosen) {
    const start = await readStart(source, clients);
    const before = processorSeconds();
    const prefix = await decompressStart(source, start);
    seconds += processorSeconds() - before;
    prefixes.push(prefix);
    const { content } = prefix;
    // The last line of a beginning is cut off.
    const end = prefix.isWhole ? content.length : content.lastIndexOf(NEWLINE) + 1;
    pieces.push(await readPiece([content], { start: 0, end }, maxLineBytes));
  }
  const total = (of: (prefix: Prefix) => number) => prefixes.reduce((sum, prefix) => sum + of(prefix), 0);
  const stored = total((prefix) => prefix.storedBytes);
  const isWhole = stored === storedBytes && prefixes.every((prefix) => prefix.isWhole);
  const content = total((prefix) => (isWhole ? prefix.content.length : prefix.ratio * prefix.storedBytes));
  return {
    bytes: stored === 0 ? 0 : Math.round((storedBytes * content) / stored),
    pieces,
    isSpread: false,
    isWhole,
    inputs: sources.length,
    storedBytes,
    bytesPerSecond: total((prefix) => prefix.content.length) / seconds,
  };
}

/** The beginning of a stream, decompressed. */
interface Prefix {
  storedBytes: number;
  content: Buffer;
  isWhole: boolean;
  /** Content for a stored byte. */
  ratio: number;
}

function storedSize({ input }: Source): number {
  if (input.size !== null) return input.size;
  throw new ProtonBeamError(
    `the size of ${input.name} is not known before its end, so nothing can be estimated. Download it first, and give the file.`,
    EXIT.usage,
  );
}

function spreadOver<T>(items: T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => items[Math.floor((items.length * i) / count)]);
}

async function readStart(source: Source, clients: S3Clients): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const end = Math.min(storedSize(source), PREFIX_BYTES);
  if (end > 0) for await (const piece of readRange(source, 0, end, clients)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/**
 * What can be decompressed of a beginning: that it breaks off is no error, unless nothing came out of it. The ratio is
 * taken between the first and the last output, since some decompressors hold back a block or more.
 */
async function decompressStart({ input }: Source, stored: Buffer): Promise<Prefix> {
  const blocks: Buffer[] = [];
  let taken = 0;
  let given = 0;
  let first: { taken: number; given: number } | null = null;
  let last = { taken: 0, given: 0 };
  async function* cut(): AsyncGenerator<Uint8Array> {
    for (; taken < stored.length; taken += CUT_BYTES) yield stored.subarray(taken, taken + CUT_BYTES);
  }
  try {
    for await (const block of decompress(input.name, cut())) {
      if (given > 0 && taken > last.taken) {
        last = { taken, given };
        first ??= last;
      }
      blocks.push(Buffer.from(block));
      given += block.length;
      if (given >= ENOUGH_BYTES) break;
    }
  } catch (error) {
    if (stored.length === input.size) throw error;
    if (given === 0)
      throw new ProtonBeamError(
        `${input.name}: nothing could be decompressed of its beginning: ${errorMessage(error)}`,
      );
  }
  const isSteady = first !== null && last.taken > first.taken;
  const read = Math.min(taken + CUT_BYTES, stored.length);
  const ratio =
    first !== null && isSteady ? (last.given - first.given) / (last.taken - first.taken) : given / Math.max(read, 1);
  const isWhole = stored.length === input.size && given < ENOUGH_BYTES;
  return { storedBytes: stored.length, content: Buffer.concat(blocks), isWhole, ratio };
}

async function readPiece(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  range: ByteRange,
  maxLineBytes: number,
): Promise<Piece> {
  const piece: Piece = { lines: [], blank: 0, tooLong: 0, bytes: range.end - range.start };
  if (piece.bytes === 0) return piece;
  const sink: LineSink = {
    line: (window, start, end) => piece.lines.push(Buffer.from(window.subarray(start, end))),
    blank: () => {
      piece.blank++;
    },
    tooLong: () => {
      piece.tooLong++;
    },
    settle: () => {},
  };
  await scanLines(blocks, range, maxLineBytes, sink, Buffer.allocUnsafe(WINDOW_BYTES));
  return piece;
}
