import { describe, expect, test } from "bun:test";
import { isUtf8 as isValidUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { chunkRanges } from "../../cli/plan/plan.ts";
import { type ByteRange, type LineSink, scanFrom, scanLines } from "../../cli/source/lines.ts";
import { spoolStream } from "../../cli/source/stream.ts";
import { temporaryFolder } from "../run/cli.ts";

interface Seen {
  lines: [number, string][];
  tooLong: number[];
  blank: number;
}

async function* blocksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
}

async function scan(
  blocks: AsyncIterable<Uint8Array>,
  range: ByteRange,
  maxLine: number,
  windowBytes: number,
  seen: Seen,
): Promise<void> {
  // Lines must stay as they are until they are settled.
  const given: { line: Buffer; text: string }[] = [];
  const sink: LineSink = {
    line: (window, start, end, offset, isUtf8) => {
      const line = window.subarray(start, end);
      given.push({ line, text: line.toString("latin1") });
      seen.lines.push([offset, line.toString("latin1")]);
      if (isUtf8) expect(isValidUtf8(line)).toBe(true);
    },
    tooLong: (head, offset) => {
      given.push({ line: head, text: head.toString("latin1") });
      seen.tooLong.push(offset);
    },
    blank: () => {
      seen.blank++;
    },
    settle: () => {
      for (const { line, text } of given.splice(0)) expect(line.toString("latin1")).toBe(text);
    },
  };
  await scanLines(blocks, range, maxLine, sink, Buffer.alloc(windowBytes));
  expect(given).toEqual([]);
}

async function scanFile(
  bytes: Buffer,
  chunk: number,
  block: number,
  maxLine: number,
  windowBytes: number,
): Promise<Seen> {
  const seen: Seen = { lines: [], tooLong: [], blank: 0 };
  for (const range of chunkRanges(bytes.length, chunk))
    await scan(blocksOf(bytes.subarray(scanFrom(range)), block), range, maxLine, windowBytes, seen);
  return seen;
}

async function scanStream(
  bytes: Buffer,
  chunk: number,
  block: number,
  maxLine: number,
  windowBytes: number,
): Promise<Seen> {
  const seen: Seen = { lines: [], tooLong: [], blank: 0 };
  using folder = temporaryFolder();
  let files = 0;
  const nextPath = () => folder.join(String(files++));
  for await (const { range, path } of spoolStream(blocksOf(bytes, block), chunk, maxLine, nextPath))
    await scan(blocksOf(readFileSync(path), block), range, maxLine, windowBytes, seen);
  return seen;
}

/** The lines of the whole, split at once. */
function splitNaively(bytes: Buffer, maxLine: number): Seen {
  const seen: Seen = { lines: [], tooLong: [], blank: 0 };
  let offset = 0;
  const pieces = bytes.toString("latin1").split("\n");
  if (pieces.at(-1) === "") pieces.pop();
  for (const piece of pieces) {
    const mark = offset === 0 && piece.startsWith("\xef\xbb\xbf") ? 3 : 0;
    const line = piece.slice(mark).replace(/\r$/, "");
    if (piece.length > maxLine) seen.tooLong.push(offset);
    else if (/^[ \t\r]*$/.test(line)) seen.blank++;
    else seen.lines.push([offset + mark, line]);
    offset += piece.length + 1;
  }
  return seen;
}

const input = fc
  .tuple(
    fc.boolean(),
    fc.array(
      fc.tuple(
        fc.constantFrom("", " ", "a", "bb", "ccc", "x".repeat(40), "é€", "\t\r"),
        fc.constantFrom("\n", "\r\n", "\n\n"),
      ),
    ),
    fc.constantFrom("", "end", "e".repeat(50), "\r"),
  )
  .map(([mark, lines, end]) => Buffer.from(`${mark ? "\ufeff" : ""}${lines.flat().join("")}${end}`));

describe("lines", () => {
  for (const [name, scanAll] of [
    ["of a file", scanFile],
    ["of a stream", scanStream],
  ] as const) {
    test(`${name} are the same for any chunks and blocks`, async () => {
      await fc.assert(
        fc.asyncProperty(
          input,
          fc.integer({ min: 1, max: 80 }),
          fc.integer({ min: 1, max: 80 }),
          fc.constantFrom(20, 39, 40, 41, 1000),
          fc.constantFrom(1, 7, 64, 10_000),
          async (bytes, chunk, block, maxLine, windowBytes) => {
            expect(await scanAll(bytes, chunk, block, maxLine, windowBytes)).toEqual(splitNaively(bytes, maxLine));
          },
        ),
        { numRuns: 1500 },
      );
    });
  }

  test("a stream is cut at the ranges of a file of its size", async () => {
    const bytes = Buffer.from("one\ntwo\nthree and more\nfour\n".repeat(20));
    using folder = temporaryFolder();
    const ranges: ByteRange[] = [];
    for await (const { range } of spoolStream(blocksOf(bytes, 13), 50, 1000, () => folder.join(String(ranges.length))))
      ranges.push(range);
    expect(ranges).toEqual([...chunkRanges(bytes.length, 50)]);
  });
});
