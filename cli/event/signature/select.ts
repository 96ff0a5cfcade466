import { loadNativeVerifier } from "./native.ts";
import { BIP340_VECTORS } from "./vectors.ts";
import type { Verifier } from "./verifier.ts";

/**
 * The fastest verifier of this host that gives the right answer to all of BIP-340's published vectors:
 * the native library, else WebAssembly.
 * @throws {Error} when neither passes: signatures are never left unchecked.
 */
export async function selectVerifier(nativeNames?: string[]): Promise<Verifier> {
  const native = loadNativeVerifier(nativeNames);
  if (native !== null && passesSelfTest(native)) return native;
  const { wasmVerifier } = await import("./wasm.ts");
  if (passesSelfTest(wasmVerifier)) return wasmVerifier;
  throw new Error("no signature verifier passes BIP-340's test vectors on this host; reinstall the program");
}

/** Whether the verifier answers as BIP-340's published vectors say. */
export function passesSelfTest(verifier: Verifier): boolean {
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
  return BIP340_VECTORS.every(
    ({ pubkey, message, signature, valid }) =>
      verifier.verify(bytes(message), bytes(pubkey), bytes(signature)) === valid,
  );
}
