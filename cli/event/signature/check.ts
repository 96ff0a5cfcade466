import type { NostrEvent } from "../event.ts";
import type { Verifier } from "./verifier.ts";

const REMEMBERED_PER_GENERATION = 65_536;

/**
 * A signature check for events whose fields have the right form. It remembers the latest valid signatures, so that
 * a duplicate is not verified again; the memory is bounded (two generations, the older one is dropped when full).
 */
export function createSignatureCheck(verifier: Verifier): (event: NostrEvent) => boolean {
  const scratch = Buffer.alloc(128);
  const id = scratch.subarray(0, 32);
  const pubkey = scratch.subarray(32, 64);
  const sig = scratch.subarray(64, 128);
  let young = new Map<string, NostrEventKeys>();
  let old = new Map<string, NostrEventKeys>();

  return (event) => {
    const known = young.get(event.id) ?? old.get(event.id);
    if (known !== undefined && known.sig === event.sig && known.pubkey === event.pubkey) return true;
    id.write(event.id, "hex");
    pubkey.write(event.pubkey, "hex");
    sig.write(event.sig, "hex");
    if (!verifier.verify(id, pubkey, sig)) return false;
    if (young.size >= REMEMBERED_PER_GENERATION) {
      old = young;
      young = new Map();
    }
    young.set(event.id, { pubkey: event.pubkey, sig: event.sig });
    return true;
  };
}

type NostrEventKeys = Pick<NostrEvent, "pubkey" | "sig">;
