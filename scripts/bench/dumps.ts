import { closeSync, existsSync, openSync, readFileSync, readSync, statSync, writeSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { createDumpWriter, type DumpSettings } from "../generator/dump.ts";
import { type Expected, expectedPath, generateDump } from "../generator/generate.ts";

const COPY_BYTES = 8 * 1024 ** 2;
const COMPARED_LINES = 100;

/** What a bench generates, but for the number of lines. */
export const UNIQUE_EVENTS = { seed: "bench", days: 30, duplicates: 0, invalid: 0 };

/** Writes a generated dump, or leaves the one that is there if it was made with the same settings. */
export async function provideDump(path: string, settings: DumpSettings, parallel: number): Promise<void> {
  if (!isThere(path, settings)) await generateDump(path, settings, parallel);
}

/** Whether a file is the dump of these settings: of its size, and with the lines that the generator makes today. */
function isThere(path: string, settings: DumpSettings): boolean {
  if (!existsSync(expectedPath(path)) || !existsSync(path)) return false;
  const expected: Expected = JSON.parse(readFileSync(expectedPath(path), "utf8"));
  if (!isDeepStrictEqual(expected.settings, settings) || statSync(path).size !== expected.bytes) return false;
  const { bytes } = createDumpWriter(settings).lines(0, Math.min(COMPARED_LINES, settings.lines));
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(bytes.length);
    readSync(file, start, 0, start.length, 0);
    return start.equals(bytes);
  } finally {
    closeSync(file);
  }
}

/** Copies the lines that begin in the first `share` of a dump. */
export function copyStart(from: string, share: number, to: string): void {
  const input = openSync(from, "r");
  const output = openSync(to, "w");
  const buffer = Buffer.alloc(COPY_BYTES);
  let left = Math.ceil(statSync(from).size * share);
  try {
    while (left > 0) {
      const length = readSync(input, buffer);
      if (length === 0) return;
      const newline = length < left ? -1 : buffer.subarray(0, length).indexOf(0x0a, left - 1);
      const end = newline < 0 ? length : newline + 1;
      for (let at = 0; at < end; ) at += writeSync(output, buffer, at, end - at);
      // At least one byte is left while the line is not at its end.
      left = newline < 0 ? Math.max(left - length, 1) : 0;
    }
  } finally {
    closeSync(input);
    closeSync(output);
  }
}

/** Writes the lines of a file again and again. */
export function copyRepeated(from: string, times: number, to: string): void {
  const text = readFileSync(from);
  const lines = text.at(-1) === 0x0a ? text : Buffer.concat([text, Buffer.from("\n")]);
  const output = openSync(to, "w");
  try {
    for (let n = 0; n < times; n++) for (let at = 0; at < lines.length; ) at += writeSync(output, lines, at);
  } finally {
    closeSync(output);
  }
}
