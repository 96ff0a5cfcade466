import { readVarint } from "./varint.ts";

const ID = 1;
const PUBKEY = 2;
const CREATED_AT = 3;
const KIND = 4;
const TAG = 5;
const TAG_VALUES = 1;
const TAG_JSON_POSITIONS = 2;
const HEX_DIGITS = 64;

// Wire types of protobuf.
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** What an index row needs of an encoded event: where the 64 hex digits of id and pubkey are, and two numbers. */
export interface ScannedEvent {
  idAt: number;
  pubkeyAt: number;
  createdAt: number;
  kind: number;
}

/**
 * Looks an encoded event through without decoding it, whatever the order its encoder wrote the fields in.
 * @returns null when it is no ProtoEvent with an id and a pubkey of 64 characters
 */
export function scanEvent(block: Buffer, start: number, end: number): ScannedEvent | null {
  const found: ScannedEvent = { idAt: -1, pubkeyAt: -1, createdAt: 0, kind: 0 };
  const isWhole = forEachField(block, start, end, (field, from, to) => {
    if (field === ID) found.idAt = to - from === HEX_DIGITS ? from : -1;
    else if (field === PUBKEY) found.pubkeyAt = to - from === HEX_DIGITS ? from : -1;
    else if (field === CREATED_AT) found.createdAt = readVarint(block, from);
    else if (field === KIND) found.kind = readVarint(block, from) | 0;
  });
  return isWhole && found.idAt >= 0 && found.pubkeyAt >= 0 ? found : null;
}

/** Gives name and value of every tag of an encoded event whose name is one ASCII character and whose value is a string. */
export function forEachLetterTag(
  block: Buffer,
  start: number,
  end: number,
  visit: (letter: number, valueStart: number, valueEnd: number) => void,
): void {
  forEachField(block, start, end, (field, tagStart, tagEnd) => {
    if (field !== TAG) return;
    let position = 0;
    let letter = -1;
    let valueStart = -1;
    let valueEnd = -1;
    let isText = true;
    forEachField(block, tagStart, tagEnd, (part, from, to) => {
      if (part === TAG_VALUES) {
        if (position === 0 && to - from === 1) letter = block[from];
        if (position === 1) {
          valueStart = from;
          valueEnd = to;
        }
        position++;
      } else if (part === TAG_JSON_POSITIONS) isText &&= !listsEither(block, from, to);
    });
    if (letter >= 0 && valueStart >= 0 && isText) visit(letter, valueStart, valueEnd);
  });
}

/** Whether a list of varints holds 0 or 1. */
function listsEither(block: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    if (readVarint(block, at) <= 1) return true;
    at = behindVarint(block, at);
  }
  return false;
}

/** Gives the number and the content of each field. @returns whether all of the message could be read */
function forEachField(
  block: Buffer,
  start: number,
  end: number,
  visit: (field: number, from: number, to: number) => void,
): boolean {
  let at = start;
  while (at < end) {
    const key = readVarint(block, at);
    at = behindVarint(block, at);
    const type = key & 7;
    let from = at;
    if (type === BYTES) {
      const length = readVarint(block, at);
      from = behindVarint(block, at);
      at = from + length;
    } else if (type === VARINT) at = behindVarint(block, at);
    else if (type === FIXED64) at += 8;
    else if (type === FIXED32) at += 4;
    else return false;
    if (at < from || at > end) return false;
    visit(Math.floor(key / 8), from, at);
  }
  return true;
}

function behindVarint(block: Buffer, at: number): number {
  let end = at;
  while (block[end] >= 0x80) end++;
  return end + 1;
}
