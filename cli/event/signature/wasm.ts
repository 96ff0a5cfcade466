import { isXOnlyPoint, verifySchnorr } from "tiny-secp256k1";
import type { Verifier } from "./verifier.ts";

/** libsecp256k1 compiled to WebAssembly: slower than the native library, and there on every host. */
export const wasmVerifier: Verifier = {
  name: "tiny-secp256k1 (WebAssembly)",
  // verifySchnorr throws on a key or signature it cannot parse; both mean "does not verify".
  verify: (id, pubkey, sig) => {
    if (!isXOnlyPoint(pubkey)) return false;
    try {
      return verifySchnorr(id, pubkey, sig);
    } catch {
      return false;
    }
  },
};
