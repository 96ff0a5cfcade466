import { openSync, readSync, rmSync, writeSync } from "node:fs";

/** Opens a new file to be written and read, and takes its name away: whatever becomes of the process, its space is given back. */
export function openNameless(path: string): number {
  const file = openSync(path, "w+");
  rmSync(path);
  return file;
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
