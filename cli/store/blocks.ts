import { closeSync, openSync, readSync, writeSync } from "node:fs";

const BLOCK_BYTES = 1024 ** 2;

/** The bytes of a file, or its first `limit` bytes, in blocks. A block is valid until the next one is taken. */
export function* readBlocks(path: string, limit = Number.POSITIVE_INFINITY): Generator<Uint8Array> {
  const file = openSync(path, "r");
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let left = limit; left > 0; ) {
      const read = readSync(file, block, 0, Math.min(left, block.length), null);
      if (read === 0) break;
      left -= read;
      yield block.subarray(0, read);
    }
  } finally {
    closeSync(file);
  }
}

/** Writes all of `bytes` at the file's position: one write may take only a part. */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** Writes all of `bytes` at a place in the file. */
export function writeAt(file: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    const written = writeSync(file, bytes, at, bytes.length - at, position + at);
    if (written === 0) throw new Error("nothing more can be written to the file");
    at += written;
  }
}

/** @throws {Error} when the file ends before `target` is full */
export function readAt(file: number, target: Buffer, position: number): void {
  for (let at = 0; at < target.length; ) {
    const read = readSync(file, target, at, target.length - at, position + at);
    if (read === 0) throw new Error("unexpected end of file");
    at += read;
  }
}
