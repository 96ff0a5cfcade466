const HASH_BITS = 53;

/** What the index has of a tag: xxHash64 of its name and value, cut to what a number holds exactly. */
export function tagHash(name: string, value: string): number {
  return Number(BigInt.asUintN(HASH_BITS, Bun.hash.xxHash64(`${name}\0${value}`)));
}
