import { BACKSLASH, LETTER_U, QUOTE, SLASH, SPACE } from "./bytes.ts";
import { type Cursor, copyJson, skipBytes, WORD_BYTES } from "./cursor.ts";

/** 1 for the bytes of a JSON string that stand for themselves. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** By the letter of a two-character escape that canonical JSON uses, the character it stands for. */
const SHORT_ESCAPES = new Uint8Array(256);
/** By the character, the letter of its two-character escape. */
const ESCAPE_LETTERS = new Uint8Array(256);
for (const [letter, char] of ["b\b", "t\t", "n\n", "f\f", "r\r", '""', "\\\\"]) {
  SHORT_ESCAPES[letter.charCodeAt(0)] = char.charCodeAt(0);
  ESCAPE_LETTERS[char.charCodeAt(0)] = letter.charCodeAt(0);
}

const QUOTES = 0x01010101 * QUOTE;
const BACKSLASHES = 0x01010101 * BACKSLASH;

const ESCAPED_SLASH = Buffer.from("\\/");
const ESCAPED_UNIT = Buffer.from("\\u");
const HEX_DIGITS = Buffer.from("0123456789abcdef");
const NO_CHARACTER = -1;
const DIGIT_VALUES = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  DIGIT_VALUES[digit.charCodeAt(0)] = value;
  DIGIT_VALUES[digit.toUpperCase().charCodeAt(0)] = value;
}

/**
 * Reads a string of JSON from behind its opening quote on, and goes behind the closing one. Writes its characters as UTF-8,
 * and what is not canonical JSON as it ought to be. Returns false when it is no string, or has half a surrogate pair.
 */
export function readString(cursor: Cursor): boolean {
  const { block, end, proto, words, protoWords } = cursor;
  const lastWord = end - WORD_BYTES;
  let { at, protoAt } = cursor;
  while (at < end) {
    while (at <= lastWord) {
      const word = words.getInt32(at, true);
      if (!isPlainWord(word)) break;
      protoWords.setInt32(protoAt, word, true);
      at += WORD_BYTES;
      protoAt += WORD_BYTES;
    }
    let byte = block[at];
    while (PLAIN[byte] === 1 && at < end) {
      proto[protoAt++] = byte;
      byte = block[++at];
    }
    if (at >= end) return false;
    if (byte === QUOTE) {
      cursor.at = at + 1;
      cursor.protoAt = protoAt;
      return true;
    }
    if (byte !== BACKSLASH) return false;
    const short = SHORT_ESCAPES[block[at + 1]];
    if (short !== 0) {
      proto[protoAt++] = short;
      at += 2;
    } else {
      cursor.at = at;
      cursor.protoAt = protoAt;
      if (!readRareEscape(cursor)) return false;
      at = cursor.at;
      protoAt = cursor.protoAt;
    }
  }
  return false;
}

/** Whether each of the four bytes stands for itself in a string of JSON. */
function isPlainWord(word: number): boolean {
  // The highest bit of a byte of the differences is set for a byte below 0x20, a quote or a backslash; also for bytes
  // of 0x80 and more, which are plain, and for some above one of the former.
  const differences = (word - 0x20202020) | ((word ^ QUOTES) - 0x01010101) | ((word ^ BACKSLASHES) - 0x01010101);
  return (differences & ~word & 0x80808080) === 0;
}

/** Reads the escapes that canonical JSON does without, save those of control characters: `\/` and `\uXXXX`. */
function readRareEscape(cursor: Cursor): boolean {
  copyJson(cursor, cursor.at);
  const code = readEscapedCharacter(cursor);
  if (code < 0) return false;
  writeCharacter(cursor, code);
  cursor.jsonFrom = cursor.at;
  return true;
}

/** The character of an escape, below 0 when it is none. */
function readEscapedCharacter(cursor: Cursor): number {
  if (skipBytes(cursor, ESCAPED_SLASH)) return SLASH;
  const unit = readUnit(cursor);
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit > 0xdbff) return NO_CHARACTER;
  const low = readUnit(cursor);
  if (low < 0xdc00 || low > 0xdfff) return NO_CHARACTER;
  return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

/** Reads `\uXXXX`: below 0 when it is none. */
function readUnit(cursor: Cursor): number {
  if (!skipBytes(cursor, ESCAPED_UNIT)) return NO_CHARACTER;
  const { block, at } = cursor;
  if (at + 4 > cursor.end) return NO_CHARACTER;
  cursor.at = at + 4;
  // One that is no digit makes the whole negative.
  return (
    (DIGIT_VALUES[block[at]] << 12) |
    (DIGIT_VALUES[block[at + 1]] << 8) |
    (DIGIT_VALUES[block[at + 2]] << 4) |
    DIGIT_VALUES[block[at + 3]]
  );
}

function writeCharacter(cursor: Cursor, code: number): void {
  const { json, jsonAt, proto, protoAt } = cursor;
  cursor.protoAt = writeUtf8(proto, protoAt, code);
  if (code >= 0x80 || PLAIN[code] === 1) {
    cursor.jsonAt = writeUtf8(json, jsonAt, code);
    return;
  }
  json[jsonAt] = BACKSLASH;
  const letter = ESCAPE_LETTERS[code];
  if (letter !== 0) {
    json[jsonAt + 1] = letter;
    cursor.jsonAt = jsonAt + 2;
    return;
  }
  json.set([LETTER_U, HEX_DIGITS[0], HEX_DIGITS[0], HEX_DIGITS[code >> 4], HEX_DIGITS[code & 15]], jsonAt + 1);
  cursor.jsonAt = jsonAt + 6;
}

function writeUtf8(target: Buffer, offset: number, code: number): number {
  if (code < 0x80) {
    target[offset] = code;
    return offset + 1;
  }
  if (code < 0x800) {
    target[offset] = 0xc0 | (code >> 6);
    target[offset + 1] = 0x80 | (code & 0x3f);
    return offset + 2;
  }
  if (code < 0x10000) {
    target[offset] = 0xe0 | (code >> 12);
    target[offset + 1] = 0x80 | ((code >> 6) & 0x3f);
    target[offset + 2] = 0x80 | (code & 0x3f);
    return offset + 3;
  }
  target[offset] = 0xf0 | (code >> 18);
  target[offset + 1] = 0x80 | ((code >> 12) & 0x3f);
  target[offset + 2] = 0x80 | ((code >> 6) & 0x3f);
  target[offset + 3] = 0x80 | (code & 0x3f);
  return offset + 4;
}
