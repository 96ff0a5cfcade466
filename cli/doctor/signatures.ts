import { loadNativeVerifier } from "../event/signature/native.ts";
import { passesSelfTest, selectVerifier } from "../event/signature/select.ts";
import { BIP340_VECTORS } from "../event/signature/vectors.ts";
import { TRIPLE_BYTES, type Verifier } from "../event/signature/verifier.ts";
import { formatCount } from "../report/format.ts";
import { type Finding, ok, warning } from "./finding.ts";

const MEASURE_MS = 200;
const BATCH = 4096;

const BUILD =
  "Where there is a C compiler (apt install gcc libc6-dev), npm run build:native in the checkout makes dist/schnorr-batch.so; a compiled program wants it beside itself.";

const INSTALL = `${BUILD} Or install libsecp256k1 0.2 or later with the Schnorr module: apt install libsecp256k1-1 (or -2), dnf install libsecp256k1, apk add libsecp256k1.`;

/** Which verifier will check signatures, that it answers to BIP-340's vectors as it should, and how fast it is. */
export async function checkSignatures(): Promise<Finding[]> {
  const verifier = await selectVerifier();
  const speed = `${verifier.name}, self-test passed, ${formatCount(verificationsPerSecond(verifier))} signatures/s a thread`;
  if (verifier.batch !== undefined) return [ok("signatures", speed)];
  const native = loadNativeVerifier();
  if (native === null)
    return [warning("signatures", `${speed}; a native library, five to twenty times as fast, is not there`, INSTALL)];
  if (!passesSelfTest(native))
    return [warning("signatures", `${speed}; ${native.name} fails the self-test and is not used`, INSTALL)];
  return [warning("signatures", `${speed}; checked in batches they would be about four times as many`, BUILD)];
}

function verificationsPerSecond({ verify, batch }: Verifier): number {
  const valid = BIP340_VECTORS.filter((vector) => vector.valid).map(({ message, pubkey, signature }) =>
    Buffer.from(message + pubkey + signature, "hex"),
  );
  const triples = Buffer.alloc(BATCH * TRIPLE_BYTES, Buffer.concat(valid));
  const verdicts = new Uint8Array(BATCH);
  const started = performance.now();
  let done = 0;
  while (performance.now() - started < MEASURE_MS) {
    if (batch === undefined)
      for (const triple of valid) verify(triple.subarray(0, 32), triple.subarray(32, 64), triple.subarray(64));
    else batch.check(triples, BATCH, verdicts);
    done += batch === undefined ? valid.length : BATCH;
  }
  return done / ((performance.now() - started) / 1000);
}
