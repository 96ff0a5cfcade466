import type { NostrEvent } from "../event.ts";
import type { Verifier } from "./verifier.ts";

const REMEMBERED = 65_536;
const ID_BYTES = 32;
const KEY_BYTES = 128;

/**
 * A signature check for events whose fields have the right form. It remembers valid signatures, so that a duplicate
 * is not verified again: 8 MiB of the latest ones, one a slot, the slot chosen by the id.
 */
export function createSignatureCheck(verifier: Verifier): (event: NostrEvent) => boolean {
  const key = Buffer.alloc(KEY_BYTES);
  const id = key.subarray(0, ID_BYTES);
  const pubkey = key.subarray(ID_BYTES, 2 * ID_BYTES);
  const sig = key.subarray(2 * ID_BYTES);
  const remembered = Buffer.alloc(REMEMBERED * KEY_BYTES);
  const isFilled = new Uint8Array(REMEMBERED);

  return (event) => {
    id.write(event.id, "hex");
    pubkey.write(event.pubkey, "hex");
    sig.write(event.sig, "hex");
    const slot = id.readUInt32LE(0) % REMEMBERED;
    const at = slot * KEY_BYTES;
    if (isFilled[slot] === 1 && remembered.compare(key, 0, KEY_BYTES, at, at + KEY_BYTES) === 0) return true;
    if (!verifier.verify(id, pubkey, sig)) return false;
    key.copy(remembered, at);
    isFilled[slot] = 1;
    return true;
  };
}
