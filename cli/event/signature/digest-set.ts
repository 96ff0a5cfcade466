/** 32-bit words of a SHA-256. */
export const DIGEST_WORDS = 8;

const WAYS = 4;
const SETS = 2 ** 18;

/**
 * A set of SHA-256 digests that forgets: 2^20 at most, 32 MiB. A digest has four slots to choose from; when all are taken it
 * displaces one. Whole digests are compared, since who makes the input must not find another that is taken for a known one.
 *
 * A digest is added with a number of its owner, a number from 0 on, and is not in the set for good before it is settled.
 */
export interface DigestSet {
  /** The digest's slot; -1 when it is not in the set. */
  find(digest: Uint32Array): number;
  /** Adds a digest that is not in the set: returns its slot. */
  add(digest: Uint32Array, owner: number): number;
  /** Keeps or removes what the owner added, unless it was displaced since. */
  settle(slot: number, owner: number, isKept: boolean): void;
  /** Who added the digest in a slot; -1 when it is settled. */
  ownerOf(slot: number): number;
}

export function createDigestSet(): DigestSet {
  const words = new Uint32Array(SETS * WAYS * DIGEST_WORDS);
  // One more than the owner: memory that is not written costs nothing.
  const owners = new Int32Array(SETS * WAYS);
  const firstSlot = (digest: Uint32Array) => (digest[0] % SETS) * WAYS;

  const isAt = (slot: number, digest: Uint32Array): boolean => {
    const at = slot * DIGEST_WORDS;
    for (let i = 0; i < DIGEST_WORDS; i++) if (words[at + i] !== digest[i]) return false;
    return true;
  };

  return {
    find: (digest) => {
      const first = firstSlot(digest);
      for (let slot = first; slot < first + WAYS; slot++) if (isAt(slot, digest)) return slot;
      return -1;
    },
    add: (digest, owner) => {
      const first = firstSlot(digest);
      let slot = first;
      // Free slots are zeros, which are no digest of anything that is known.
      while (slot < first + WAYS && words[slot * DIGEST_WORDS] !== 0) slot++;
      if (slot === first + WAYS) slot = first + (digest[1] % WAYS);
      words.set(digest, slot * DIGEST_WORDS);
      owners[slot] = owner + 1;
      return slot;
    },
    settle: (slot, owner, isKept) => {
      if (owners[slot] !== owner + 1) return;
      owners[slot] = 0;
      if (!isKept) words.fill(0, slot * DIGEST_WORDS, (slot + 1) * DIGEST_WORDS);
    },
    ownerOf: (slot) => owners[slot] - 1,
  };
}
