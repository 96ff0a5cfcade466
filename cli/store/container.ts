import { closeSync, fstatSync, openSync } from "node:fs";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { EXIT, ProtonBeamError } from "../errors.ts";
import { type AtomicFile, createAtomicFile } from "./atomic.ts";
import { readAt } from "./blocks.ts";

/*
 * A container is a file of sections and a footer that describes them:
 *
 *   section…  footer (JSON)  footer length (u32)  footer CRC-32 (u32)  "PBEAM001"
 *
 * A section is a row of frames: stored length (u32), raw length (u32), zstd. Numbers are little-endian.
 * Readers take one frame at a time, so a section of any size is read in bounded memory.
 */
const MAGIC = Buffer.from("PBEAM001");
const TRAILER_BYTES = 8 + MAGIC.length;
const FRAME_HEADER_BYTES = 8;
const FRAME_RAW_BYTES = 256 * 1024;
const ZSTD_LEVEL = 1;

/** Where a section is in its container. `crc` is the CRC-32 of its stored bytes. */
export const sectionSchema = z.object({ offset: z.number(), length: z.number(), crc: z.number() });
export type Section = z.infer<typeof sectionSchema>;

/** Writes one section after the other; nothing is visible under the file's name before `commit`. */
export interface ContainerWriter {
  /** Appends pieces that a reader gets back in one frame. Call `endSection` when the section is whole. */
  append(...pieces: Uint8Array[]): void;
  endSection(): Section;
  commit(footer: unknown): void;
  abort(): void;
}

/** Starts a container that will be `path` after `commit()`. */
export function createContainer(path: string): ContainerWriter {
  const file = createAtomicFile(path);
  let raw = Buffer.allocUnsafe(2 * FRAME_RAW_BYTES);
  let rawLength = 0;
  let position = 0;
  let section: Section = { offset: 0, length: 0, crc: 0 };

  const put = (bytes: Uint8Array) => {
    file.write(bytes);
    position += bytes.length;
    section.crc = crc32(bytes, section.crc);
  };
  const flushFrame = () => {
    if (rawLength === 0) return;
    const stored = Bun.zstdCompressSync(raw.subarray(0, rawLength), { level: ZSTD_LEVEL });
    const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
    header.writeUInt32LE(stored.length, 0);
    header.writeUInt32LE(rawLength, 4);
    put(header);
    put(stored);
    rawLength = 0;
  };

  return {
    append: (...pieces) => {
      let length = 0;
      for (const piece of pieces) length += piece.length;
      if (rawLength + length > raw.length) {
        flushFrame();
        if (length > raw.length) raw = Buffer.allocUnsafe(length);
      }
      for (const piece of pieces) {
        raw.set(piece, rawLength);
        rawLength += piece.length;
      }
      if (rawLength >= FRAME_RAW_BYTES) flushFrame();
    },
    endSection: () => {
      flushFrame();
      const ended = { ...section, length: position - section.offset };
      section = { offset: position, length: 0, crc: 0 };
      return ended;
    },
    commit: (footer) => finish(file, footer),
    abort: () => file.abort(),
  };
}

function finish(file: AtomicFile, footer: unknown): void {
  const json = Buffer.from(JSON.stringify(footer));
  const trailer = Buffer.allocUnsafe(8);
  trailer.writeUInt32LE(json.length, 0);
  trailer.writeUInt32LE(crc32(json), 4);
  file.write(json);
  file.write(trailer);
  file.write(MAGIC);
  file.commit();
}

/** The footer of a container, or null when the file is missing, cut short or damaged there. */
export function readFooter<T>(path: string, schema: z.ZodType<T>): T | null {
  try {
    return withFile(path, (file) => {
      const size = fstatSync(file).size;
      const tail = (length: number) => readBytes(file, size - length, length);
      const length = size < TRAILER_BYTES ? 0 : footerLength(tail(TRAILER_BYTES), size);
      return length === 0 ? null : decodeFooter(tail(length), schema);
    });
  } catch {
    return null;
  }
}

/** Bytes of footer and trailer of a container of `size` bytes that ends with `tail`, or 0 when it is damaged. */
export function footerLength(tail: Buffer, size: number): number {
  if (tail.length < TRAILER_BYTES || !tail.subarray(-MAGIC.length).equals(MAGIC)) return 0;
  const length = tail.readUInt32LE(tail.length - TRAILER_BYTES) + TRAILER_BYTES;
  return length > size ? 0 : length;
}

/** The footer in the last {@link footerLength} bytes of a container, or null when it is damaged. */
export function decodeFooter<T>(tail: Buffer, schema: z.ZodType<T>): T | null {
  const json = tail.subarray(0, tail.length - TRAILER_BYTES);
  if (crc32(json) !== tail.readUInt32LE(tail.length - TRAILER_BYTES + 4)) return null;
  const footer = schema.safeParse(JSON.parse(json.toString("utf8")));
  return footer.success ? footer.data : null;
}

/** Whether the stored bytes of a section are those that were written. */
export function verifySection(path: string, section: Section): boolean {
  try {
    return withFile(path, (file) => {
      let crc = 0;
      for (let at = 0; at < section.length; at += FRAME_RAW_BYTES) {
        const length = Math.min(FRAME_RAW_BYTES, section.length - at);
        crc = crc32(readBytes(file, section.offset + at, length), crc);
      }
      return crc === section.crc;
    });
  } catch {
    return false;
  }
}

/**
 * The frames of a section, uncompressed. The file is open only while a frame is read, so that any number of sections
 * can be read side by side.
 * @throws {ProtonBeamError} when the bytes are not those that were written.
 */
export function* readFrames(path: string, section: Section): Generator<Buffer> {
  const end = section.offset + section.length;
  let crc = 0;
  for (let at = section.offset; at < end; ) {
    const frame = readFrame(path, at, end);
    crc = crc32(frame.stored, crc);
    at += frame.stored.length;
    if (at === end && crc !== section.crc) throw damaged(path);
    yield frame.raw;
  }
}

function readFrame(path: string, at: number, end: number): { stored: Buffer; raw: Buffer } {
  const stored = withFile(path, (file) => {
    const length = readBytes(file, at, FRAME_HEADER_BYTES).readUInt32LE(0);
    if (at + FRAME_HEADER_BYTES + length > end) throw damaged(path);
    return readBytes(file, at, FRAME_HEADER_BYTES + length);
  });
  try {
    return { stored, raw: Bun.zstdDecompressSync(stored.subarray(FRAME_HEADER_BYTES)) };
  } catch (cause) {
    throw damaged(path, cause);
  }
}

function damaged(path: string, cause?: unknown): ProtonBeamError {
  return new ProtonBeamError(
    `${path} is damaged. Run the same command again: it makes the file anew.`,
    EXIT.resumable,
    { cause },
  );
}

function withFile<T>(path: string, use: (file: number) => T): T {
  const file = openSync(path, "r");
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

/** @throws {Error} when the file ends before `length` bytes. */
function readBytes(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  readAt(file, bytes, position);
  return bytes;
}
