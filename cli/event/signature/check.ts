import type { NostrEvent } from "../event.ts";
import type { Verifier } from "./verifier.ts";

/** Bytes of a triple: id 32, pubkey 32, sig 64. */
export const TRIPLE_BYTES = 128;

const CAPACITY = 16_384;
const REMEMBERED = 65_536;

/** Checks signatures many at a time. */
export interface SignatureCheck {
  /** The most that one call takes. */
  readonly capacity: number;
  /** Of the first `count` triples (id 32 bytes, pubkey 32, sig 64 each) says in `valid` which verify: 1 or 0. */
  check(triples: Uint8Array, count: number, valid: Uint8Array): void;
}

export function createSignatureCheck(verifier: Verifier): SignatureCheck {
  const remembered = Buffer.alloc(REMEMBERED * TRIPLE_BYTES);
  const isFilled = new Uint8Array(REMEMBERED);

  const isValid = (triple: Buffer): boolean => {
    const slot = triple.readUInt32LE(0) % REMEMBERED;
    const at = slot * TRIPLE_BYTES;
    if (isFilled[slot] === 1 && remembered.compare(triple, 0, TRIPLE_BYTES, at, at + TRIPLE_BYTES) === 0) return true;
    if (!verifier.verify(triple.subarray(0, 32), triple.subarray(32, 64), triple.subarray(64))) return false;
    triple.copy(remembered, at);
    isFilled[slot] = 1;
    return true;
  };

  return {
    capacity: CAPACITY,
    check: (triples, count, valid) => {
      for (let i = 0; i < count; i++) {
        const triple = Buffer.from(triples.buffer, triples.byteOffset + i * TRIPLE_BYTES, TRIPLE_BYTES);
        valid[i] = isValid(triple) ? 1 : 0;
      }
    },
  };
}

/** The check of one event at a time, whose fields have the right form. */
export function createEventCheck(verifier: Verifier): (event: NostrEvent) => boolean {
  const { check } = createSignatureCheck(verifier);
  const triple = Buffer.alloc(TRIPLE_BYTES);
  const valid = new Uint8Array(1);
  return ({ id, pubkey, sig }) => {
    triple.write(id + pubkey + sig, "hex");
    check(triple, 1, valid);
    return valid[0] === 1;
  };
}
