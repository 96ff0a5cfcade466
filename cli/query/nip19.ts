import { decode } from "nostr-tools/nip19";

const HEX_64 = /^[0-9a-fA-F]{64}$/;
const NOSTR_URI = /^nostr:/;

/**
 * 64 hex digits, or `note1…` or `nevent1…` of NIP-19, also as `nostr:` URI (NIP-21) → the event's id
 * @throws {Error} that says what is accepted
 */
export function parseEventId(text: string): string {
  if (HEX_64.test(text)) return text.toLowerCase();
  const decoded = decodeOrNull(text);
  if (decoded?.type === "note") return decoded.data;
  if (decoded?.type === "nevent") return decoded.data.id;
  throw new Error(`${describe(text, decoded)} is no event id: write 64 hex digits, note1… or nevent1…`);
}

/**
 * 64 hex digits, or `npub1…` or `nprofile1…` of NIP-19, also as `nostr:` URI (NIP-21) → the public key
 * @throws {Error} that says what is accepted
 */
export function parsePubkey(text: string): string {
  if (HEX_64.test(text)) return text.toLowerCase();
  const decoded = decodeOrNull(text);
  if (decoded?.type === "npub") return decoded.data;
  if (decoded?.type === "nprofile") return decoded.data.pubkey;
  throw new Error(`${describe(text, decoded)} is no public key: write 64 hex digits, npub1… or nprofile1…`);
}

function decodeOrNull(text: string): ReturnType<typeof decode> | null {
  try {
    return decode(text.replace(NOSTR_URI, ""));
  } catch {
    return null;
  }
}

function describe(text: string, decoded: ReturnType<typeof decode> | null): string {
  // A secret key must not end up in a log.
  if (decoded?.type === "nsec") return "a secret key (nsec1…)";
  return `"${text}"`;
}
