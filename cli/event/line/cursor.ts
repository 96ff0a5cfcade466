import { maxEncodedSize } from "../encode.ts";
import { CARRIAGE_RETURN, LINE_FEED, SPACE, TAB } from "./bytes.ts";

/** Bytes of a word, as `words` are read. */
export const WORD_BYTES = 4;

const SHORT_RUN = 96;

/** Where reading a line has come to, and what is written on the way: values as canonical JSON and as protobuf. */
export interface Cursor {
  block: Buffer;
  /** The same bytes, to read several at once. */
  words: DataView;
  at: number;
  /** Where the line ends. */
  end: number;
  readonly json: Buffer;
  readonly jsonWords: DataView;
  jsonAt: number;
  /** The bytes of the line from here on are canonical as they are, and are copied to `json` all at once. */
  jsonFrom: number;
  readonly proto: Buffer;
  readonly protoWords: DataView;
  protoAt: number;
}

/** @param lineBytes the longest line that there is room for */
export function createCursor(lineBytes: number): Cursor {
  const block = Buffer.alloc(0);
  const json = Buffer.allocUnsafeSlow(2 * lineBytes + 1024);
  const proto = Buffer.allocUnsafeSlow(maxEncodedSize(lineBytes));
  return {
    block,
    words: wordsOf(block),
    at: 0,
    end: 0,
    json,
    jsonWords: wordsOf(json),
    jsonAt: 0,
    jsonFrom: 0,
    proto,
    protoWords: wordsOf(proto),
    protoAt: 0,
  };
}

export function setLine(cursor: Cursor, block: Buffer, start: number, end: number): void {
  if (block !== cursor.block) {
    cursor.block = block;
    cursor.words = wordsOf(block);
  }
  cursor.at = start;
  cursor.end = end;
}

function wordsOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Goes over what JSON takes for white space, and returns the byte behind it: 0 at the end of the line. */
export function nextByte(cursor: Cursor): number {
  const { block, end } = cursor;
  for (let at = cursor.at; at < end; at++) {
    const byte = block[at];
    if (byte > SPACE || (byte !== SPACE && byte !== LINE_FEED && byte !== CARRIAGE_RETURN && byte !== TAB)) {
      cursor.at = at;
      return byte;
    }
  }
  cursor.at = end;
  return 0;
}

/** As {@link nextByte}, within what is written as canonical JSON, which has no white space. */
export function nextJsonByte(cursor: Cursor): number {
  const before = cursor.at;
  const byte = nextByte(cursor);
  if (cursor.at !== before) {
    copyJson(cursor, before);
    cursor.jsonFrom = cursor.at;
  }
  return byte;
}

/** Copies what is canonical up to `end`, and has not been copied yet. */
export function copyJson(cursor: Cursor, end: number): void {
  const { block, words, json, jsonWords, jsonAt, jsonFrom } = cursor;
  const length = end - jsonFrom;
  cursor.jsonAt = jsonAt + length;
  if (length > SHORT_RUN || end + WORD_BYTES > block.length) block.copy(json, jsonAt, jsonFrom, end);
  else {
    // Between spaces there is little, for which the call into native code takes longer. What is copied too much is written over.
    for (let i = 0; i < length; i += WORD_BYTES)
      jsonWords.setInt32(jsonAt + i, words.getInt32(jsonFrom + i, true), true);
  }
}

/** Goes over `bytes` if they are next. */
export function skipBytes(cursor: Cursor, bytes: Uint8Array): boolean {
  const { block, at } = cursor;
  const { length } = bytes;
  if (at + length > cursor.end) return false;
  for (let i = 0; i < length; i++) if (block[at + i] !== bytes[i]) return false;
  cursor.at = at + length;
  return true;
}
