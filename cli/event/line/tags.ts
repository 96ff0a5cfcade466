import { prependLength } from "../encode.ts";
import { writeVarint } from "../varint.ts";
import { CLOSE_LIST, COMMA, OPEN_LIST, QUOTE } from "./bytes.ts";
import { type Cursor, nextJsonByte } from "./cursor.ts";
import { skipScalar } from "./fields.ts";
import { readString } from "./string.ts";

// Keys of the fields in proto/nostr.proto: (field number << 3) | wire type.
const TAG = 0x2a;
const TAG_VALUE = 0x0a;
const TAG_JSON_POSITIONS = 0x12;

/**
 * Reads the list of tags from behind its bracket on. Writes it as canonical JSON and as the fields that `encodeEvent` writes.
 * @returns false when it is no list of tags, or has a number that is not written as plain digits
 */
export function readTags(cursor: Cursor): boolean {
  let byte = nextJsonByte(cursor);
  if (byte !== CLOSE_LIST) {
    for (;;) {
      if (byte !== OPEN_LIST) return false;
      cursor.at++;
      if (!readTag(cursor)) return false;
      byte = nextJsonByte(cursor);
      if (byte !== COMMA) break;
      cursor.at++;
      byte = nextJsonByte(cursor);
    }
    if (byte !== CLOSE_LIST) return false;
  }
  cursor.at++;
  return true;
}

function readTag(cursor: Cursor): boolean {
  const { proto, protoAt: start } = cursor;
  proto[start] = TAG;
  cursor.protoAt = start + 2;
  let notStrings: number[] | null = null;
  let byte = nextJsonByte(cursor);
  if (byte !== CLOSE_LIST) {
    for (let position = 0; ; position++) {
      if (byte === QUOTE) {
        if (!readStringValue(cursor)) return false;
      } else {
        if (!readOtherValue(cursor, byte)) return false;
        notStrings ??= [];
        notStrings.push(position);
      }
      byte = nextJsonByte(cursor);
      if (byte !== COMMA) break;
      cursor.at++;
      byte = nextJsonByte(cursor);
    }
    if (byte !== CLOSE_LIST) return false;
  }
  cursor.at++;
  if (notStrings !== null) writeJsonPositions(cursor, notStrings);
  endField(cursor, start + 2);
  return true;
}

function readStringValue(cursor: Cursor): boolean {
  const { proto, protoAt: start } = cursor;
  cursor.at++;
  proto[start] = TAG_VALUE;
  cursor.protoAt = start + 2;
  if (!readString(cursor)) return false;
  endField(cursor, start + 2);
  return true;
}

/** A number, boolean or null, which are encoded as the JSON they are. */
function readOtherValue(cursor: Cursor, byte: number): boolean {
  const { block, at: start, proto } = cursor;
  if (!skipScalar(cursor, byte)) return false;
  const length = cursor.at - start;
  proto[cursor.protoAt] = TAG_VALUE;
  proto[cursor.protoAt + 1] = length;
  cursor.protoAt += 2;
  cursor.protoAt += block.copy(proto, cursor.protoAt, start, cursor.at);
  return true;
}

function writeJsonPositions(cursor: Cursor, positions: number[]): void {
  const { proto, protoAt: start } = cursor;
  proto[start] = TAG_JSON_POSITIONS;
  let at = start + 2;
  for (const position of positions) at = writeVarint(proto, at, position);
  cursor.protoAt = at;
  endField(cursor, start + 2);
}

/** Writes the length of what is written from `bodyAt` on before it, where a byte was left for it. */
function endField(cursor: Cursor, bodyAt: number): void {
  const { proto, protoAt } = cursor;
  const size = protoAt - bodyAt;
  if (size < 0x80) proto[bodyAt - 1] = size;
  else cursor.protoAt = prependLength(proto, bodyAt - 1, bodyAt, protoAt);
}
