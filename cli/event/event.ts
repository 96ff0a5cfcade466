/** A tag value as JSON has it. NIP-01 asks for strings; real events also carry numbers, booleans and null. */
export type TagValue = string | number | boolean | null;

/** A Nostr event with the fields and names of NIP-01. */
export interface NostrEvent {
  /** SHA-256 of the canonical serialisation, 64 lowercase hex digits. */
  id: string;
  /** x-only public key, 64 lowercase hex digits. */
  pubkey: string;
  /** Unix time in seconds. */
  created_at: number;
  kind: number;
  tags: TagValue[][];
  content: string;
  /** BIP-340 signature over the id, 128 lowercase hex digits. */
  sig: string;
}
