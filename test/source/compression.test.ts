import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { ProtonBeamError } from "../../cli/errors.ts";
import { decompress, detectCompression } from "../../cli/source/compression.ts";
import type { Compression } from "../../cli/source/inputs.ts";
import { createZstdFrames } from "../../cli/source/zstd-frames.ts";

const text = Array.from({ length: 40_000 }, (_, i) => `${i} ${Bun.hash(String(i))}\n`).join("");
const plain = Buffer.from(text);

/** What the tool of the format makes of `bytes`. */
function tool(command: string[], bytes: Buffer): Buffer {
  const { stdout, success } = Bun.spawnSync(command, { stdin: bytes });
  if (!success) throw new Error(`${command[0]} is missing or failed`);
  return stdout;
}
const pack: Record<Exclude<Compression, "none">, (bytes: Buffer) => Buffer> = {
  gzip: (bytes) => gzipSync(bytes),
  // With the checksum that the tool writes unless told; without one damage need not show.
  zstd: (bytes) => tool(["zstd", "-q", "-c"], bytes),
  xz: (bytes) => tool(["xz", "-1"], bytes),
  bzip2: (bytes) => tool(["bzip2", "-1"], bytes),
};
const kinds = Object.keys(pack) as (keyof typeof pack)[];

/** All in the same memory, as a file is read. */
async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const block = Buffer.alloc(size);
  for (let at = 0; at < bytes.length; at += size) {
    const length = block.write(Buffer.from(bytes.subarray(at, at + size)).toString("latin1"), "latin1");
    yield block.subarray(0, length);
  }
}

async function unpack(bytes: Uint8Array, pieceBytes = 10_007): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of decompress("dump", inPieces(bytes, pieceBytes))) pieces.push(new Uint8Array(piece));
  return Buffer.concat(pieces);
}

describe.each(kinds)("%s", (kind) => {
  const packed = pack[kind](plain);

  test("is told by its first bytes and decompressed", async () => {
    expect(detectCompression(packed)).toBe(kind);
    expect((await unpack(packed)).equals(plain)).toBe(true);
    expect((await unpack(packed.subarray(0), 1)).length).toBe(plain.length);
  });

  test("is read to the end of the last of several laid end to end", async () => {
    const half = plain.length / 2;
    const both = Buffer.concat([pack[kind](plain.subarray(0, half)), pack[kind](plain.subarray(half))]);
    expect((await unpack(both)).equals(plain)).toBe(true);
  });

  test.each([0.999, 0.7, 0.3])("cut short to %p of its length is an error that names the byte", async (share) => {
    const length = Math.floor(packed.length * share);
    const error = await unpack(packed.subarray(0, length)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProtonBeamError);
    expect((error as ProtonBeamError).message).toContain(`dump: the ${kind} stream is damaged or cut short`);
    expect((error as ProtonBeamError).message).toContain(`byte ${length}`);
  });

  test("damaged in the middle is an error that names the byte", async () => {
    const damaged = Buffer.from(packed);
    for (let i = 0; i < 64; i++) damaged[Math.floor(packed.length / 2) + i] ^= 0x5a;
    const error = await unpack(damaged).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProtonBeamError);
    expect(Number(/byte (\d+)/.exec((error as Error).message)?.[1])).toBeGreaterThan(packed.length / 2 - 1);
  });

  test("passes on the error of its source as it is", async () => {
    const broken = async function* () {
      yield packed.subarray(0, 100);
      throw new ProtonBeamError("the link is down", 75);
    };
    const read = async () => {
      for await (const _ of decompress("dump", broken()));
    };
    expect(read()).rejects.toMatchObject({ message: "the link is down", exitCode: 75 });
  });
});

test("what is not compressed passes as it is, even if it is shorter than a magic number", async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from("{"), plain])
    expect((await unpack(bytes)).equals(bytes)).toBe(true);
});

describe("zstd frames", () => {
  const skippable = Buffer.concat([Buffer.from([0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from("hello")]);
  const empty = Bun.zstdCompressSync(Buffer.alloc(0));
  const repeated = Bun.zstdCompressSync(Buffer.alloc(500_000, 7));
  const withChecksum = tool(["zstd", "--check", "-q", "-c"], plain.subarray(0, 300_000));
  const stream = Buffer.concat([skippable, empty, repeated, withChecksum, skippable]);
  const ends = new Set([0]);
  for (const frame of [skippable, empty, repeated, withChecksum, skippable]) ends.add(Math.max(...ends) + frame.length);

  test("end just where they end, however the stream is cut in pieces", () => {
    const near = [...ends].flatMap((end) =>
      [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((step) => end + step),
    );
    const between = Array.from({ length: 40 }, (_, i) => Math.floor((stream.length * i) / 40));
    for (const length of [...near, ...between].filter((n) => n >= 0 && n <= stream.length)) {
      for (const pieceBytes of [11, 10_009]) {
        const frames = createZstdFrames();
        for (let at = 0; at < length; at += pieceBytes)
          frames.add(stream.subarray(at, Math.min(at + pieceBytes, length)));
        expect([length, frames.isWhole()]).toEqual([length, ends.has(length)]);
      }
    }
  });
});
