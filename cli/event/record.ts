import { readVarint } from "./varint.ts";

// Where the fixed fields of an encoded ProtoEvent are: encodeEvent() writes id and pubkey first, 64 digits each.
const ID_AT = 2;
const PUBKEY_AT = 68;
const HEX_DIGITS = 64;
const INTEGERS_AT = 132;
const ID_KEY = 0x0a;
const PUBKEY_KEY = 0x12;
const CREATED_AT_KEY = 0x18;
const KIND_KEY = 0x20;

/** `created_at` of the encoded event at `start`, without decoding the rest. */
export function recordCreatedAt(source: Uint8Array, start: number): number {
  const at = start + INTEGERS_AT;
  return source[at] === CREATED_AT_KEY ? readVarint(source, at + 1) : 0;
}

/** Whether the event at `start` has the fields that are read here where {@link encodeEvent} writes them. */
export function isEncodedHere(source: Uint8Array, start: number): boolean {
  if (source[start] !== ID_KEY || source[start + PUBKEY_AT - ID_AT] !== PUBKEY_KEY) return false;
  let at = start + INTEGERS_AT;
  if (source[at] !== KIND_KEY) return true;
  do at++;
  while (source[at] >= 0x80);
  return source[at + 1] !== CREATED_AT_KEY;
}

/** `kind` of the encoded event at `start`, without decoding the rest. */
export function recordKind(source: Uint8Array, start: number): number {
  let at = start + INTEGERS_AT;
  if (source[at] === CREATED_AT_KEY) {
    at++;
    while (source[at] >= 0x80) at++;
    at++;
  }
  return source[at] === KIND_KEY ? readVarint(source, at + 1) : 0;
}

/** The id of an encoded event, in hex. */
export function recordId(record: Buffer): string {
  return record.toString("latin1", ID_AT, ID_AT + HEX_DIGITS);
}

/** The pubkey of an encoded event, in hex. */
export function recordPubkey(record: Buffer): string {
  return record.toString("latin1", PUBKEY_AT, PUBKEY_AT + HEX_DIGITS);
}

/** Writes the id and then the pubkey of the encoded event at `start` to `target`, 32 bytes each. */
export function copyRecordKeys(source: Buffer, start: number, target: Buffer, offset: number): void {
  copyHex(source, start + ID_AT, target, offset);
  copyHex(source, start + PUBKEY_AT, target, offset + HEX_DIGITS / 2);
}

/** Writes what 64 hex digits say; of a digit the low four bits tell 0 to 9, and with bit 6 a to f. */
function copyHex(source: Buffer, from: number, target: Buffer, to: number): void {
  for (let i = 0; i < HEX_DIGITS / 2; i++) {
    const high = source[from + 2 * i];
    const low = source[from + 2 * i + 1];
    target[to + i] = (((high & 15) + 9 * (high >> 6)) << 4) | ((low & 15) + 9 * (low >> 6));
  }
}

/** A number of 32 bits made of the beginning of the id of the encoded event at `start`, for tables. */
export function recordHash(source: Uint8Array, start: number): number {
  let hash = 0;
  // Of a hex digit the low four bits tell 0 to 9, and with bit 6 a to f.
  for (let at = start + ID_AT; at < start + ID_AT + 8; at++)
    hash = (hash << 4) | ((source[at] & 15) + 9 * (source[at] >> 6));
  return hash >>> 0;
}

/** Compares the ids of two encoded events: below 0, 0 or above 0. */
export function compareRecordIds(a: Buffer, aStart: number, b: Buffer, bStart: number): number {
  const aId = aStart + ID_AT;
  const bId = bStart + ID_AT;
  // Different ids mostly differ at once: then a native call would take several times as long.
  for (let i = 0; i < 4; i++) {
    const difference = a[aId + i] - b[bId + i];
    if (difference !== 0) return difference;
  }
  return a.compare(b, bId, bId + HEX_DIGITS, aId, aId + HEX_DIGITS);
}
