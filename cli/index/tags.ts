import { forEachLetterTag } from "../event/scan.ts";

const HASH_BITS = 53;
const ASCII = 128;

/** What the index has of a tag: xxHash64 of its name and value, cut to what a number holds exactly. */
export function tagHash(name: string, value: string): number {
  return Number(BigInt.asUintN(HASH_BITS, Bun.hash.xxHash64(`${name}\0${value}`)));
}

/** Gives the hashes of the tags of an encoded event, `block[start..end)`, that an index has; each once. */
export type TagHasher = (block: Buffer, start: number, end: number) => number[];

/** @param names the letters whose tags are looked up (NIP-01: only these can be asked for) */
export function createTagHasher(names: string[]): TagHasher {
  if (names.length === 0) return () => [];
  const nameOf: (string | undefined)[] = Array.from({ length: ASCII }, (_, code) =>
    names.find((name) => name.charCodeAt(0) === code),
  );
  return (block, start, end) => {
    const hashes: number[] = [];
    forEachLetterTag(block, start, end, (letter, valueStart, valueEnd) => {
      const name = nameOf[letter];
      if (name !== undefined) hashes.push(tagHash(name, block.toString("utf8", valueStart, valueEnd)));
    });
    return hashes.length < 2 ? hashes : [...new Set(hashes)];
  };
}
