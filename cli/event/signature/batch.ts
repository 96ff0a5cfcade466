import { dlopen, FFIType } from "bun:ffi";
import { dirname, join } from "node:path";
import { assertFits, type SignatureCheck, TRIPLE_BYTES, type Verifier } from "./verifier.ts";

const SYMBOLS = {
  proton_beam_create: { args: [FFIType.u64], returns: FFIType.ptr },
  proton_beam_check: {
    args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.ptr],
    returns: FFIType.void,
  },
} as const;

/** Signatures of a batch. More cost a little less each, and take 1.3 KB each (see schnorr-batch.c). */
const CAPACITY = 16_384;

/** Where `npm run build:native` puts the library: beside the executable, else in `dist/` of the checkout. */
function libraryPath(): string {
  const isExecutable = import.meta.dir.startsWith("/$bunfs/");
  const folder = isExecutable ? dirname(process.execPath) : join(import.meta.dir, "../../../dist");
  return join(folder, "schnorr-batch.so");
}

/**
 * The library of schnorr-batch.c; null when it was not built on this host. It is for one thread: another loads its own.
 */
export function loadBatchVerifier(path: string = libraryPath()): Verifier | null {
  try {
    return bind(path);
  } catch {
    return null;
  }
}

function bind(path: string): Verifier {
  const { symbols } = dlopen(path, SYMBOLS);
  const state = symbols.proton_beam_create(BigInt(CAPACITY));
  if (state === null) throw new Error("there is no memory to check signatures in batches");
  const seed = new Uint8Array(32);
  const check: SignatureCheck["check"] = (triples, count, valid) => {
    // The library is given addresses alone.
    assertFits(triples, count, valid, CAPACITY);
    Bun.SHA256.hash(triples.subarray(0, count * TRIPLE_BYTES), seed);
    symbols.proton_beam_check(state, seed, triples, count, valid);
  };
  const triple = new Uint8Array(TRIPLE_BYTES);
  const valid = new Uint8Array(1);
  return {
    name: "libsecp256k1 in batches (schnorr-batch.so)",
    verify: (id, pubkey, sig) => {
      triple.set(id);
      triple.set(pubkey, 32);
      triple.set(sig, 64);
      check(triple, 1, valid);
      return valid[0] === 1;
    },
    batch: { capacity: CAPACITY, check },
  };
}
