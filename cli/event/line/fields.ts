import { BACKSLASH, CLOSE_LIST, COMMA, LETTER_F, LETTER_N, LETTER_T, OPEN_LIST, QUOTE, SPACE } from "./bytes.ts";
import { type Cursor, nextByte, skipBytes } from "./cursor.ts";
import { readDigits } from "./integer.ts";
import { readString } from "./string.ts";

/** The fields of an event, each a bit. */
export const ID = 1;
export const PUBKEY = 2;
export const CREATED_AT = 4;
export const KIND = 8;
export const TAGS = 16;
export const CONTENT = 32;
export const SIG = 64;
export const ALL_FIELDS = 127;
/** A field that NIP-01 does not name. */
export const OTHER = 0;
/** No name of a field, or one with escapes, which can be any. */
export const NO_NAME = -1;

const LETTER_C = 0x63;
const LETTER_I = 0x69;
const LETTER_K = 0x6b;
const LETTER_O = 0x6f;
const LETTER_P = 0x70;
const LETTER_S = 0x73;

const NAMES = {
  id: Buffer.from('id"'),
  pubkey: Buffer.from('pubkey"'),
  createdAt: Buffer.from('created_at"'),
  kind: Buffer.from('kind"'),
  tags: Buffer.from('tags"'),
  content: Buffer.from('content"'),
  sig: Buffer.from('sig"'),
};

/** Reads the name of a field from behind its opening quote on. */
export function readName(cursor: Cursor): number {
  const { block, at } = cursor;
  switch (block[at]) {
    case LETTER_C:
      if (block[at + 1] === LETTER_O) {
        if (skipBytes(cursor, NAMES.content)) return CONTENT;
      } else if (skipBytes(cursor, NAMES.createdAt)) return CREATED_AT;
      break;
    case LETTER_I:
      if (skipBytes(cursor, NAMES.id)) return ID;
      break;
    case LETTER_K:
      if (skipBytes(cursor, NAMES.kind)) return KIND;
      break;
    case LETTER_P:
      if (skipBytes(cursor, NAMES.pubkey)) return PUBKEY;
      break;
    case LETTER_S:
      if (skipBytes(cursor, NAMES.sig)) return SIG;
      break;
    case LETTER_T:
      if (skipBytes(cursor, NAMES.tags)) return TAGS;
      break;
  }
  return skipOtherName(cursor) ? OTHER : NO_NAME;
}

function skipOtherName(cursor: Cursor): boolean {
  const { block, end } = cursor;
  for (let at = cursor.at; at < end; at++) {
    const byte = block[at];
    if (byte === QUOTE) {
      cursor.at = at + 1;
      return true;
    }
    if (byte < SPACE || byte === BACKSLASH) return false;
  }
  return false;
}

const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");
const NULL = Buffer.from("null");

/** Goes over a boolean, null, or a number in plain digits, of which `byte` is the first. */
export function skipScalar(cursor: Cursor, byte: number): boolean {
  switch (byte) {
    case LETTER_T:
      return skipBytes(cursor, TRUE);
    case LETTER_F:
      return skipBytes(cursor, FALSE);
    case LETTER_N:
      return skipBytes(cursor, NULL);
    default:
      return readDigits(cursor) >= 0;
  }
}

/** Goes over a value that is not kept, of which `byte` is the first: a string, a scalar, or a list of these. */
export function skipValue(cursor: Cursor, byte: number): boolean {
  if (byte !== OPEN_LIST) return skipItem(cursor, byte);
  cursor.at++;
  let next = nextByte(cursor);
  if (next !== CLOSE_LIST) {
    for (;;) {
      if (!skipItem(cursor, next)) return false;
      next = nextByte(cursor);
      if (next !== COMMA) break;
      cursor.at++;
      next = nextByte(cursor);
    }
    if (next !== CLOSE_LIST) return false;
  }
  cursor.at++;
  return true;
}

function skipItem(cursor: Cursor, byte: number): boolean {
  if (byte !== QUOTE) return skipScalar(cursor, byte);
  cursor.at++;
  // What is written of it stays where nothing looks.
  cursor.jsonFrom = cursor.at;
  return readString(cursor);
}
