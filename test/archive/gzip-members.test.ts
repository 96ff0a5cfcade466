import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { DamagedMember, type MemberPiece, readGzipMembers } from "../../cli/archive/gzip-members.ts";

const small = (text: string) => Buffer.from(Bun.gzipSync(Buffer.from(text), { level: 6, library: "libdeflate" }));

/** Bytes that hardly compress, the same for the same seed. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const block = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    // The same memory again and again, as file readers do.
    block.set(piece);
    yield block.subarray(0, piece.length);
  }
}

async function read(bytes: Uint8Array, pieceSize = 4096) {
  const members: { offset: number; length: number; data: Buffer }[] = [];
  let pieces: MemberPiece[] = [];
  for await (const piece of readGzipMembers(inPieces(bytes, pieceSize))) {
    pieces.push({ ...piece, data: Buffer.from(piece.data) });
    if (piece.length === null) continue;
    members.push({ offset: piece.offset, length: piece.length, data: Buffer.concat(pieces.map(({ data }) => data)) });
    pieces = [];
  }
  expect(pieces).toEqual([]);
  return members;
}

describe("readGzipMembers", () => {
  test("gives each member with its place, whatever the pieces", async () => {
    const parts = [small("one"), small(""), small("three".repeat(10_000)), small("four")];
    for (const pieceSize of [1, 7, 100_000]) {
      const members = await read(Buffer.concat(parts), pieceSize);
      expect(members.map(({ data }) => data.toString())).toEqual(["one", "", "three".repeat(10_000), "four"]);
      expect(members.map(({ length }) => length)).toEqual(parts.map(({ length }) => length));
      expect(members.map(({ offset }) => offset)).toEqual([
        0,
        parts[0].length,
        parts[0].length + parts[1].length,
        parts[0].length + parts[1].length + parts[2].length,
      ]);
    }
  });

  test("reads headers with names, as gzip and other tools write them", async () => {
    const plain = gzipSync("named");
    const named = Buffer.concat([
      plain.subarray(0, 3),
      Buffer.from([8]),
      plain.subarray(4, 10),
      Buffer.from("a.txt\0"),
      plain.subarray(10),
    ]);
    const members = await read(Buffer.concat([named, small("after"), gzipSync("last", { level: 1 })]));
    expect(members.map(({ data }) => data.toString())).toEqual(["named", "after", "last"]);
    expect(members[0].length).toBe(named.length);
  });

  test("reads a member of more than its window as a stream, and what comes after it", async () => {
    const large = noise(20 * 1024 ** 2, 1);
    const first = gzipSync(large, { level: 1 });
    const members = await read(Buffer.concat([small("before"), first, small("after")]), 1024 ** 2);
    expect(members.map(({ data }) => data.length)).toEqual([6, large.length, 5]);
    expect(members[1].data.equals(large)).toBe(true);
    expect(members[1].length).toBe(first.length);
    expect(members[2].data.toString()).toBe("after");
  });

  test("takes a header inside a member for what it is", async () => {
    const content = Buffer.concat([noise(1000, 2), small("x").subarray(0, 10), noise(1000, 3)]);
    const stored = Bun.gzipSync(new Uint8Array(content), { level: 0, library: "libdeflate" });
    const members = await read(Buffer.concat([stored, small("after")]));
    expect(members[0].data.equals(content)).toBe(true);
    expect(members[1].data.toString()).toBe("after");
  });

  test("names the member that is damaged, cut short or followed by something else", async () => {
    const parts = [small("one"), small("two".repeat(1000))];
    const whole = Buffer.concat(parts);
    const cases: Buffer[] = [whole.subarray(0, -1), whole.subarray(0, -12), whole.subarray(0, parts[0].length + 4)];
    for (const at of [parts[0].length, parts[0].length + 15, whole.length - 1, whole.length - 6]) {
      const flipped = Buffer.from(whole);
      flipped[at] ^= 1;
      cases.push(flipped);
    }
    for (const bytes of cases) {
      const error = await read(bytes).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(DamagedMember);
      expect((error as DamagedMember).offset).toBe(parts[0].length);
    }
    const trailing = await read(Buffer.concat([whole, Buffer.from("garbage")])).catch((thrown: unknown) => thrown);
    expect(trailing).toBeInstanceOf(DamagedMember);
    expect((trailing as DamagedMember).offset).toBe(whole.length);
  });

  test("lets go of its source, also when it is left early or meets damage", async () => {
    let open = 0;
    async function* source(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
      open++;
      try {
        yield bytes;
        yield small("more");
      } finally {
        open--;
      }
    }
    for await (const _ of readGzipMembers(source(small("one")))) break;
    expect(open).toBe(0);
    const damaged = Array.fromAsync(readGzipMembers(source(Buffer.from("this is no gzip at all"))));
    expect(damaged).rejects.toBeInstanceOf(DamagedMember);
    await damaged.catch(() => {});
    expect(open).toBe(0);
  });

  test("passes on what its source throws", async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield gzipSync(noise(20 * 1024 ** 2, 4), { level: 1 }).subarray(0, 18 * 1024 ** 2);
      throw new Error("the link is down");
    }
    const all = async () => {
      for await (const _ of readGzipMembers(failing()));
    };
    expect(all()).rejects.toThrow("the link is down");
  });
});
