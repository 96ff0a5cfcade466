import { dlopen, FFIType } from "bun:ffi";
import type { Verifier } from "./verifier.ts";

/**
 * Sonames of libsecp256k1 releases 0.2.0 and later, newest first. `.so.0` is left out: before 0.2.0
 * `secp256k1_schnorrsig_verify` took no message length, and calling it with one reads a wild pointer.
 */
export const LIBSECP256K1_NAMES = [6, 5, 4, 3, 2, 1].map((version) => `libsecp256k1.so.${version}`);

const SYMBOLS = {
  secp256k1_context_create: { args: [FFIType.u32], returns: FFIType.ptr },
  secp256k1_xonly_pubkey_parse: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  secp256k1_schnorrsig_verify: {
    args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.ptr],
    returns: FFIType.i32,
  },
} as const;

const SECP256K1_CONTEXT_NONE = 1;
const XONLY_PUBKEY_BYTES = 64;
const MESSAGE_BYTES = 32;

/** Binds the first library of `names` that loads and has the Schnorr module; null when none does. */
export function loadNativeVerifier(names: string[] = LIBSECP256K1_NAMES): Verifier | null {
  for (const name of names) {
    try {
      return bind(name);
    } catch {
      // Not on this host, or built without the module: the next name may be.
    }
  }
  return null;
}

function bind(name: string): Verifier {
  const { symbols } = dlopen(name, SYMBOLS);
  const context = symbols.secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  if (context === null) throw new Error(`${name} gave no context`);
  const parsed = new Uint8Array(XONLY_PUBKEY_BYTES);
  return {
    name: `libsecp256k1 (${name})`,
    verify: (id, pubkey, sig) =>
      symbols.secp256k1_xonly_pubkey_parse(context, parsed, pubkey) === 1 &&
      symbols.secp256k1_schnorrsig_verify(context, sig, id, MESSAGE_BYTES, parsed) === 1,
  };
}
