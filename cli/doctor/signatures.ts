import { loadNativeVerifier } from "../event/signature/native.ts";
import { passesSelfTest, selectVerifier } from "../event/signature/select.ts";
import { BIP340_VECTORS } from "../event/signature/vectors.ts";
import type { Verifier } from "../event/signature/verifier.ts";
import { formatCount } from "../report/format.ts";
import { type Finding, ok, warning } from "./finding.ts";

const MEASURE_MS = 200;

const INSTALL =
  "Install libsecp256k1 0.2 or later with the Schnorr module: apt install libsecp256k1-1 (or -2), dnf install libsecp256k1, apk add libsecp256k1.";

/** Which verifier will check signatures, that it answers to BIP-340's vectors as it should, and how fast it is. */
export async function checkSignatures(): Promise<Finding[]> {
  const verifier = await selectVerifier();
  const speed = `${verifier.name}, self-test passed, ${formatCount(verificationsPerSecond(verifier))} signatures/s a thread`;
  const native = loadNativeVerifier();
  if (native === null)
    return [warning("signatures", `${speed}; the native library, about five times as fast, is not there`, INSTALL)];
  if (!passesSelfTest(native))
    return [warning("signatures", `${speed}; ${native.name} fails the self-test and is not used`, INSTALL)];
  return [ok("signatures", speed)];
}

function verificationsPerSecond(verifier: Verifier): number {
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
  const valid = BIP340_VECTORS.filter((vector) => vector.valid).map(
    ({ message, pubkey, signature }) => [bytes(message), bytes(pubkey), bytes(signature)] as const,
  );
  const started = performance.now();
  let done = 0;
  while (performance.now() - started < MEASURE_MS) {
    for (const [message, pubkey, signature] of valid) verifier.verify(message, pubkey, signature);
    done += valid.length;
  }
  return done / ((performance.now() - started) / 1000);
}
