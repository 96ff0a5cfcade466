import type { NostrEvent } from "./event.ts";

/** An escape sequence of `JSON.stringify`; group 1 holds the hex digits of a control character that NIP-01 wants verbatim. */
const ESCAPE = /\\(?:u00([01][0-9a-f])|.)/g;

/**
 * Whether `event.id` is the SHA-256 of the event's canonical serialisation (NIP-01).
 *
 * NIP-01 wants control characters other than `\b \t \n \f \r` verbatim, but clients that serialise with an ordinary JSON
 * library write them as `\u00XX`, and relays accept those ids. The two forms differ only for such characters; both are accepted.
 */
export function hasValidId(event: NostrEvent): boolean {
  const json = serializeWithJsonEscapes(event);
  if (sha256Hex(json) === event.id) return true;
  return json.includes("\\u00") && sha256Hex(toVerbatimControls(json)) === event.id;
}

/** The id of an event: SHA-256 of its canonical serialisation as NIP-01 words it, in lowercase hex. */
export function eventId(event: Omit<NostrEvent, "id" | "sig">): string {
  return sha256Hex(toVerbatimControls(serializeWithJsonEscapes(event)));
}

function serializeWithJsonEscapes({ pubkey, created_at, kind, tags, content }: Omit<NostrEvent, "id" | "sig">): string {
  return JSON.stringify([0, pubkey, created_at, kind, tags, content]);
}

function toVerbatimControls(json: string): string {
  return json.replace(ESCAPE, (sequence, hex?: string) =>
    hex === undefined ? sequence : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function sha256Hex(text: string): string {
  return Bun.SHA256.hash(text, "hex");
}
