/** Bytes of a triple: id 32, pubkey 32, sig 64. */
export const TRIPLE_BYTES = 128;

/** Checks signatures many at a time. */
export interface SignatureCheck {
  /** The most that one call takes. */
  readonly capacity: number;
  /** Of the first `count` triples (id 32 bytes, pubkey 32, sig 64 each) says in `valid` which verify: 1 or 0. */
  check(triples: Uint8Array, count: number, valid: Uint8Array): void;
}

/** @throws {RangeError} when a call has not so many triples, no room for the verdicts, or more than can be taken */
export function assertFits(triples: Uint8Array, count: number, valid: Uint8Array, capacity: number): void {
  if (count > capacity) throw new RangeError(`${count} signatures at a time are more than ${capacity}`);
  if (triples.length < count * TRIPLE_BYTES || valid.length < count)
    throw new RangeError(`${triples.length} bytes of triples and ${valid.length} verdicts are too few for ${count}`);
}

/** A BIP-340 signature check bound to one implementation. */
export interface Verifier {
  /** What a person reads in the log, such as `libsecp256k1 (libsecp256k1.so.1)`. */
  name: string;
  /** Whether `sig` (64 bytes) signs `id` (32 bytes) under the x-only `pubkey` (32 bytes). */
  verify(id: Uint8Array, pubkey: Uint8Array, sig: Uint8Array): boolean;
  /** There where many at a time cost less than one by one; the verdicts are the same. */
  batch?: SignatureCheck;
}
