/** Why a line was not converted. The keys appear in the summary, the manifest and `rejected.jsonl.gz`. */
export const REJECT_REASONS = {
  "line-too-long": "the line is longer than --max-line-bytes",
  "invalid-utf8": "the line is not UTF-8",
  "invalid-json": "the line is not JSON",
  "not-an-event": "the line is neither an event object nor an EVENT relay frame",
  "invalid-id": "id is missing or not 64 lowercase hex digits",
  "invalid-pubkey": "pubkey is missing or not 64 lowercase hex digits",
  "invalid-created-at": "created_at is missing or not an integer",
  "invalid-kind": "kind is missing or not a 32-bit integer",
  "invalid-tags": "tags is missing or not an array of arrays of strings, numbers, booleans or null",
  "invalid-content": "content is missing or not a string",
  "invalid-sig": "sig is missing or not 128 lowercase hex digits",
  "lone-surrogate": "a string holds half of a surrogate pair, which has no UTF-8 form",
  "date-out-of-range": "created_at is not in a year from 0000 to 9999",
  "kind-out-of-range": "kind is outside 0..65535 (NIP-01)",
  "id-mismatch": "id is not the SHA-256 of the event (NIP-01)",
  "signature-mismatch": "sig does not verify (BIP-340)",
} as const;

export type RejectReason = keyof typeof REJECT_REASONS;
