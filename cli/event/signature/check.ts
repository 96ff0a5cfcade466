import type { NostrEvent } from "../event.ts";
import { createDigestSet, DIGEST_WORDS } from "./digest-set.ts";
import { assertFits, type SignatureCheck, TRIPLE_BYTES, type Verifier } from "./verifier.ts";

/** What one call takes of a verifier that goes one by one. */
const CAPACITY = 1024;

/**
 * A signature check that remembers valid signatures, so that an exact duplicate is not verified again: about a million of the
 * latest ones, in 36 MiB.
 */
export function createSignatureCheck(verifier: Verifier): SignatureCheck {
  const { capacity, check } = verifier.batch ?? oneByOne(verifier);
  const known = createDigestSet();
  const digest = new Uint32Array(DIGEST_WORDS);
  const digestBytes = new Uint8Array(digest.buffer);
  // Those to be verified: their triples, their slots among the known ones, and the verdicts.
  const fresh = new Uint8Array(capacity * TRIPLE_BYTES);
  const slots = new Int32Array(capacity);
  const verdicts = new Uint8Array(capacity);
  // For each triple of a call which of the fresh ones it is the same as; -1 when it is known.
  const sameAs = new Int32Array(capacity);

  return {
    capacity,
    check: (triples, count, valid) => {
      assertFits(triples, count, valid, capacity);
      let verifying = 0;
      verdicts.fill(0, 0, count);
      try {
        for (let i = 0; i < count; i++) {
          const triple = triples.subarray(i * TRIPLE_BYTES, (i + 1) * TRIPLE_BYTES);
          Bun.SHA256.hash(triple, digestBytes);
          const slot = known.find(digest);
          if (slot >= 0) sameAs[i] = known.ownerOf(slot);
          else {
            fresh.set(triple, verifying * TRIPLE_BYTES);
            slots[verifying] = known.add(digest, verifying);
            sameAs[i] = verifying++;
          }
        }
        if (verifying > 0) check(fresh, verifying, verdicts);
      } finally {
        for (let j = 0; j < verifying; j++) known.settle(slots[j], j, verdicts[j] === 1);
      }
      for (let i = 0; i < count; i++) valid[i] = sameAs[i] < 0 ? 1 : verdicts[sameAs[i]];
    },
  };
}

function oneByOne({ verify }: Verifier): SignatureCheck {
  return {
    capacity: CAPACITY,
    check: (triples, count, valid) => {
      for (let i = 0; i < count; i++) {
        const at = i * TRIPLE_BYTES;
        const [id, pubkey] = [triples.subarray(at, at + 32), triples.subarray(at + 32, at + 64)];
        valid[i] = verify(id, pubkey, triples.subarray(at + 64, at + TRIPLE_BYTES)) ? 1 : 0;
      }
    },
  };
}

/** The check of one event at a time, whose fields have the right form. It remembers valid signatures. */
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
