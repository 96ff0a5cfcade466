import { loadBatchVerifier } from "./batch.ts";
import { loadNativeVerifier } from "./native.ts";
import { BIP340_VECTORS } from "./vectors.ts";
import { TRIPLE_BYTES, type Verifier } from "./verifier.ts";

/** So many that they are not checked one by one. */
const VALID_IN_BATCH = 64;

/**
 * The fastest verifier of this host that gives the right answer to all of BIP-340's published vectors:
 * the library built for batches, else the host's libsecp256k1, else WebAssembly.
 * @throws {Error} when none passes: signatures are never left unchecked.
 */
export async function selectVerifier(
  native: (() => Verifier | null)[] = [loadBatchVerifier, loadNativeVerifier],
): Promise<Verifier> {
  for (const load of native) {
    const verifier = load();
    if (verifier !== null && passesSelfTest(verifier)) return verifier;
  }
  const { wasmVerifier } = await import("./wasm.ts");
  if (passesSelfTest(wasmVerifier)) return wasmVerifier;
  throw new Error("no signature verifier passes BIP-340's test vectors on this host; reinstall the program");
}

/** Whether the verifier answers as BIP-340's published vectors say, one by one and many at a time. */
export function passesSelfTest(verifier: Verifier): boolean {
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
  return (
    BIP340_VECTORS.every(
      ({ pubkey, message, signature, valid }) =>
        verifier.verify(bytes(message), bytes(pubkey), bytes(signature)) === valid,
    ) && passesInBatches(verifier)
  );
}

/** All invalid vectors among valid ones, and valid ones alone. */
function passesInBatches({ batch }: Verifier): boolean {
  if (batch === undefined) return true;
  const good = BIP340_VECTORS.filter(({ valid }) => valid);
  const allGood = Array.from({ length: VALID_IN_BATCH }, (_, i) => good[i % good.length]);
  return [[...allGood, ...BIP340_VECTORS, ...allGood], allGood].every((vectors) => {
    const triples = Buffer.from(
      vectors.map(({ message, pubkey, signature }) => message + pubkey + signature).join(""),
      "hex",
    );
    const verdicts = new Uint8Array(triples.length / TRIPLE_BYTES);
    batch.check(triples, verdicts.length, verdicts);
    return vectors.every(({ valid }, i) => verdicts[i] === (valid ? 1 : 0));
  });
}
