import { beforeAll, describe, expect, test } from "bun:test";
import { schnorr } from "@noble/curves/secp256k1.js";
import { loadBatchVerifier } from "../../cli/event/signature/batch.ts";
import { createSignatureCheck } from "../../cli/event/signature/check.ts";
import { loadNativeVerifier } from "../../cli/event/signature/native.ts";
import { BIP340_VECTORS } from "../../cli/event/signature/vectors.ts";
import { type SignatureCheck, TRIPLE_BYTES, type Verifier } from "../../cli/event/signature/verifier.ts";
import { wasmVerifier } from "../../cli/event/signature/wasm.ts";
import { createAuthorFactory } from "../../scripts/generator/sign.ts";

const batch = loadBatchVerifier();
if (batch === null)
  console.warn("\nSKIPPED: signatures in batches are NOT tested: build the library with `npm run build:native`\n");

const ORDER = schnorr.Point.CURVE().n;
const FIELD = schnorr.Point.CURVE().p;
const reference = loadNativeVerifier() ?? wasmVerifier;

/** Numbers that look random and are the same in each run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const hash = (text: string) => new Uint8Array(Bun.SHA256.hash(text).buffer);

/** Valid triples of so many authors. */
function sign(count: number, authors: number): Buffer {
  const createAuthor = createAuthorFactory();
  const keys = Array.from({ length: authors }, (_, i) => createAuthor(hash(`author ${i}`)));
  const triples = Buffer.alloc(count * TRIPLE_BYTES);
  for (let i = 0; i < count; i++) {
    const id = Buffer.from(hash(`event ${i} of ${authors}`)).toString("hex");
    const { pubkey, sign } = keys[i % authors];
    triples.write(id + pubkey + sign(id, new Uint8Array(32)), i * TRIPLE_BYTES, "hex");
  }
  return triples;
}

function singly(triples: Buffer, { verify }: Verifier = reference): number[] {
  const verdicts: number[] = [];
  for (let at = 0; at < triples.length; at += TRIPLE_BYTES) {
    const part = (from: number, to: number) => triples.subarray(at + from, at + to);
    verdicts.push(verify(part(0, 32), part(32, 64), part(64, 128)) ? 1 : 0);
  }
  return verdicts;
}

function checked({ check }: SignatureCheck, triples: Buffer): number[] {
  const valid = new Uint8Array(triples.length / TRIPLE_BYTES).fill(7);
  check(triples, valid.length, valid);
  return [...valid];
}

const createBatch = (): SignatureCheck => {
  const made = loadBatchVerifier()?.batch;
  if (made === undefined) throw new Error("the library was not built");
  return made;
};

const numberAt = (bytes: Buffer, at: number) => BigInt(`0x${bytes.toString("hex", at, at + 32)}`);
const putNumber = (bytes: Buffer, at: number, value: bigint) =>
  bytes.write(value.toString(16).padStart(64, "0"), at, "hex");

const flip = (at: number) => (triple: Buffer) => {
  triple[at] ^= 1;
};
const put = (at: number, hex: string) => (triple: Buffer) => {
  triple.write(hex, at, "hex");
};
const hex = (value: bigint) => value.toString(16).padStart(64, "0");
const NOT_ON_CURVE = BIP340_VECTORS[5].pubkey;

/** Each makes a valid triple invalid. */
const DAMAGES: Record<string, (triple: Buffer) => void> = {
  "a bit of the id": flip(31),
  "a bit of the pubkey": flip(63),
  "a bit of r": flip(95),
  "a bit of s": flip(127),
  "the first bit of s": flip(96),
  "a pubkey that is not on the curve": put(32, NOT_ON_CURVE),
  "a pubkey out of range": put(32, hex(FIELD)),
  "r not on the curve": put(64, NOT_ON_CURVE),
  "r out of range": put(64, hex(FIELD)),
  "r of zeros": put(64, hex(0n)),
  "s that is the order": put(96, hex(ORDER)),
  "s out of range": put(96, hex(2n ** 256n - 1n)),
  "s of zeros": put(96, hex(0n)),
  "s negated": (triple) => putNumber(triple, 96, ORDER - numberAt(triple, 96)),
  "all zeros": (triple) => triple.fill(0),
};

describe.skipIf(batch === null)("signatures in batches", () => {
  let triples: Buffer;
  beforeAll(() => {
    triples = sign(4096, 300);
  });
  /** A copy, with these damaged. */
  const damaged = (count: number, at: number[], damage: (triple: Buffer) => void): Buffer => {
    const copy = Buffer.from(triples.subarray(0, count * TRIPLE_BYTES));
    for (const i of at) damage(copy.subarray(i * TRIPLE_BYTES, (i + 1) * TRIPLE_BYTES));
    return copy;
  };
  const verdicts = (count: number, invalid: number[]) =>
    Array.from({ length: count }, (_, i) => (invalid.includes(i) ? 0 : 1));

  test("says of valid ones that they are, for each number of them", () => {
    const own = createBatch();
    for (const count of [0, 1, 2, 31, 32, 33, 255, 256, 257, 1000, 4096])
      expect(checked(own, triples.subarray(0, count * TRIPLE_BYTES))).toEqual(verdicts(count, []));
  });

  test("takes as many as it says, and no more", () => {
    const own = createBatch();
    const all = Buffer.alloc(own.capacity * TRIPLE_BYTES, triples);
    for (const part of [1, 2, 3]) {
      const from = part * 7 * TRIPLE_BYTES;
      all[from] ^= 1;
      expect(checked(own, all)).toEqual(verdicts(own.capacity, [7, 14, 21].slice(0, part)));
    }
    expect(() => checked(own, Buffer.alloc((own.capacity + 1) * TRIPLE_BYTES))).toThrow("more than");
  }, 120_000);

  test("knows any number of keys, of which it forgets some", () => {
    const own = createBatch();
    const random = createRandom(2);
    const junk = Buffer.alloc(own.capacity * TRIPLE_BYTES, hex(FIELD), "hex");
    // Half of all numbers are on the curve: more keys than there is room for.
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < own.capacity; i++)
        for (let at = 32; at < 64; at += 4) junk.writeUInt32LE(random(2 ** 32), i * TRIPLE_BYTES + at);
      expect(checked(own, junk).indexOf(1)).toBe(-1);
      expect(checked(own, damaged(1024, [round], flip(5)))).toEqual(verdicts(1024, [round]));
    }
  }, 120_000);

  test("reads and writes nothing but what it was given", () => {
    for (const { check } of [createBatch(), createSignatureCheck(reference)]) {
      expect(() => check(triples.subarray(0, TRIPLE_BYTES - 1), 1, new Uint8Array(1))).toThrow("too few");
      expect(() => check(triples, 2, new Uint8Array(1))).toThrow("too few");
    }
  });

  test("writes no verdict behind the last", () => {
    const valid = new Uint8Array(100).fill(7);
    createBatch().check(triples, 90, valid);
    expect([...valid.subarray(90)]).toEqual(Array(10).fill(7));
  });

  for (const [name, damage] of Object.entries(DAMAGES))
    test(`finds ${name}, first, last, in the middle, in all places`, () => {
      for (const at of [[0], [255], [100], [31, 32, 64], Array.from({ length: 256 }, (_, i) => i)]) {
        const copy = damaged(256, at, damage);
        expect(checked(createBatch(), copy)).toEqual(verdicts(256, at));
        expect(singly(copy)).toEqual(verdicts(256, at));
      }
    });

  test("finds one that is invalid in each position", () => {
    const own = createBatch();
    for (let i = 0; i < 70; i++) expect(checked(own, damaged(70, [i], flip(5)))).toEqual(verdicts(70, [i]));
  });

  test("finds errors that cancel each other in a plain sum", () => {
    for (const distance of [1, 2, 128, 299]) {
      const copy = damaged(512, [], () => {});
      const [a, b] = [10, 10 + distance].map((i) => i * TRIPLE_BYTES + 96);
      putNumber(copy, a, (numberAt(copy, a) + 12345n) % ORDER);
      putNumber(copy, b, (numberAt(copy, b) - 12345n + ORDER) % ORDER);
      expect(checked(createBatch(), copy)).toEqual(verdicts(512, [10, 10 + distance]));
    }
  });

  test("finds signatures that are swapped between two events of an author", () => {
    const copy = damaged(1024, [], () => {});
    const [a, b] = [5, 305].map((i) => copy.subarray(i * TRIPLE_BYTES + 64, (i + 1) * TRIPLE_BYTES));
    const kept = Buffer.from(a);
    b.copy(a);
    kept.copy(b);
    expect(checked(createBatch(), copy)).toEqual(verdicts(1024, [5, 305]));
  });

  test("goes with one author, and with pubkeys that begin alike", () => {
    expect(checked(createBatch(), sign(700, 1))).toEqual(verdicts(700, []));
    // Not on the curve or not the signer's: each its own key, all in one place of the table.
    const copy = damaged(600, [], () => {});
    const alike = Array.from({ length: 300 }, (_, i) => 2 * i);
    for (const i of alike) {
      copy.fill(0, i * TRIPLE_BYTES + 32, i * TRIPLE_BYTES + 60);
      copy.writeUInt32BE(i, i * TRIPLE_BYTES + 60);
    }
    const own = createBatch();
    for (let round = 0; round < 3; round++) expect(checked(own, copy)).toEqual(verdicts(600, alike));
  });

  test("agrees with single checks on thousands of triples of which some are damaged", () => {
    const random = createRandom(1);
    const own = createBatch();
    const damages = Object.values(DAMAGES);
    for (const share of [0.0005, 0.02, 0.3, 0.001, 0.9, 0.005]) {
      const at = Array.from({ length: 4096 }, (_, i) => i).filter(() => random(1e6) < share * 1e6);
      const copy = damaged(4096, at, (triple) => damages[random(damages.length)](triple));
      expect(checked(own, copy)).toEqual(singly(copy));
    }
  }, 120_000);

  test("gives the same verdicts whatever it was given before", () => {
    const used = createBatch();
    for (let i = 0; i < 20; i++) checked(used, damaged(300, [i, 299], flip(5)));
    const copy = damaged(4096, [0, 17, 4000], flip(5));
    expect(checked(used, copy)).toEqual(checked(createBatch(), copy));
  });
});

describe("the memory of valid signatures", () => {
  /** Says what it was asked, and that all are valid but those whose id begins with 0xff. */
  const createSpy = () => {
    const asked: number[] = [];
    const verifier: Verifier = {
      ...wasmVerifier,
      batch: {
        capacity: 64,
        check: (triples, count, valid) => {
          asked.push(count);
          for (let i = 0; i < count; i++) valid[i] = triples[i * TRIPLE_BYTES] === 0xff ? 0 : 1;
        },
      },
    };
    return { asked, own: createSignatureCheck(verifier) };
  };
  const triplesOf = (...names: string[]) =>
    Buffer.concat(
      names.map((name) => Buffer.alloc(TRIPLE_BYTES, hash(name)).fill(name.startsWith("bad") ? 0xff : 0, 0, 1)),
    );

  test("has repeats verified once, within a call and later", () => {
    const { asked, own } = createSpy();
    expect(checked(own, triplesOf("a", "b", "a", "c", "b"))).toEqual([1, 1, 1, 1, 1]);
    expect(checked(own, triplesOf("c", "d", "a"))).toEqual([1, 1, 1]);
    expect(checked(own, triplesOf("d", "a"))).toEqual([1, 1]);
    expect(asked).toEqual([3, 1]);
  });

  test("does not remember invalid ones", () => {
    const { asked, own } = createSpy();
    expect(checked(own, triplesOf("bad", "a", "bad", "a", "bad 2"))).toEqual([0, 1, 0, 1, 0]);
    expect(checked(own, triplesOf("a", "bad 2", "bad"))).toEqual([1, 0, 0]);
    expect(asked).toEqual([3, 2]);
  });

  test("compares all of a triple", () => {
    const { asked, own } = createSpy();
    const triple = triplesOf("a");
    checked(own, triple);
    for (let at = 0; at < TRIPLE_BYTES; at++) {
      const copy = Buffer.from(triple);
      copy[at] ^= 1;
      checked(own, copy);
    }
    expect(asked).toEqual(Array(TRIPLE_BYTES + 1).fill(1));
  });

  test("holds no verdict of a call that failed", () => {
    let fails = true;
    const { check } = createSignatureCheck({
      ...wasmVerifier,
      verify: () => {
        if (fails) throw new Error("no");
        return false;
      },
    });
    const valid = new Uint8Array(1);
    expect(() => check(triplesOf("a"), 1, valid)).toThrow("no");
    fails = false;
    check(triplesOf("a"), 1, valid);
    expect(valid[0]).toBe(0);
  });

  test("stays right when it forgets", () => {
    const check = createSignatureCheck({
      ...wasmVerifier,
      verify: (id) => id[0] !== 0xff,
    });
    const triple = new Uint8Array(check.capacity * TRIPLE_BYTES);
    const view = new DataView(triple.buffer);
    const valid = new Uint8Array(check.capacity);
    for (let round = 0; round < 1300; round++) {
      for (let i = 0; i < check.capacity; i++) {
        view.setUint32(i * TRIPLE_BYTES + 4, round);
        view.setUint32(i * TRIPLE_BYTES + 8, i >> 1);
        triple[i * TRIPLE_BYTES] = i % 7 === 0 ? 0xff : 0;
      }
      check.check(triple, check.capacity, valid);
      for (let i = 0; i < check.capacity; i++) if (valid[i] !== (i % 7 === 0 ? 0 : 1)) throw new Error(`${round} ${i}`);
    }
  }, 60_000);
});
