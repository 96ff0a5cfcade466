import { LATEST } from "../date.ts";
import { writeVarint } from "../varint.ts";
import { CLOSE_LIST, CLOSE_OBJECT, COLON, COMMA, OPEN_LIST, OPEN_OBJECT, QUOTE } from "./bytes.ts";
import { copyJson, createCursor, nextByte, setLine, skipBytes } from "./cursor.ts";
import {
  ALL_FIELDS,
  CONTENT,
  CREATED_AT,
  ID,
  KIND,
  NO_NAME,
  PUBKEY,
  readName,
  SIG,
  skipValue,
  TAGS,
} from "./fields.ts";
import { readHex } from "./hex.ts";
import { readDigits } from "./integer.ts";
import { readString } from "./string.ts";
import { readTags } from "./tags.ts";

/** Longer lines are left to the JSON of the runtime: for them the room would not be small. */
const MAX_LINE_BYTES = 256 * 1024;

const MAX_KIND = 2 ** 31 - 1;
const KEY_BYTES = 32;
const SIG_BYTES = 64;

/** Room for what canonical JSON has before the tags, whose length is known when they are written already. */
const HEAD_BYTES = 128;
const HEAD = Buffer.from('[0,"');
/** What is between tags and content: `,"`. */
const SEPARATOR_BYTES = 2;
const EVENT = Buffer.from('"EVENT"');

// Keys of the fields in proto/nostr.proto: (field number << 3) | wire type.
const PROTO_ID = 0x0a;
const PROTO_PUBKEY = 0x12;
const PROTO_CREATED_AT = 0x18;
const PROTO_KIND = 0x20;
const PROTO_CONTENT = 0x32;
const PROTO_SIG = 0x3a;

/** Where something is in a buffer. */
interface Range {
  start: number;
  end: number;
}

/** Reads events as dumps have them, without making objects of them. */
export interface FastReader {
  /** Whether `block[start..end)`, valid UTF-8, is an event that this reader knows how to read. False says nothing about the line. */
  read(block: Buffer, start: number, end: number): boolean;
  readonly createdAt: number;
  readonly kind: number;
  /** Whether the id is the hash of the event, control characters taken as `JSON.stringify` writes them. */
  hasPlainId(): boolean;
  /** As {@link LineReader}. */
  copyKeys(target: Buffer, offset: number): void;
  /** As {@link LineReader}. */
  encode(target: Buffer, offset: number): number;
}

/** A reader that goes over the bytes of a line once, and writes tags and content in both their forms on the way. */
export function createFastReader(): FastReader {
  const cursor = createCursor(MAX_LINE_BYTES);
  const { json, proto } = cursor;
  /** id, pubkey and sig */
  const keys = Buffer.alloc(2 * KEY_BYTES + SIG_BYTES);
  const hash = new Uint8Array(KEY_BYTES);
  let idAt = 0;
  let pubkeyAt = 0;
  let sigAt = 0;
  let createdAt = 0;
  let kind = 0;
  const createdAtDigits: Range = { start: 0, end: 0 };
  const kindDigits: Range = { start: 0, end: 0 };
  const tagsJson: Range = { start: 0, end: 0 };
  const tagsProto: Range = { start: 0, end: 0 };
  const contentJson: Range = { start: 0, end: 0 };
  const contentProto: Range = { start: 0, end: 0 };

  const readLine = (): boolean => {
    let byte = nextByte(cursor);
    const isFrame = byte === OPEN_LIST;
    if (isFrame) {
      if (!readFrameStart()) return false;
      byte = nextByte(cursor);
    }
    if (byte !== OPEN_OBJECT) return false;
    cursor.at++;
    if (!readFields()) return false;
    if (isFrame) {
      if (nextByte(cursor) !== CLOSE_LIST) return false;
      cursor.at++;
    }
    nextByte(cursor);
    return cursor.at === cursor.end;
  };

  const readFrameStart = (): boolean => {
    cursor.at++;
    nextByte(cursor);
    if (!skipBytes(cursor, EVENT)) return false;
    for (;;) {
      if (nextByte(cursor) !== COMMA) return false;
      cursor.at++;
      const byte = nextByte(cursor);
      if (byte === OPEN_OBJECT) return true;
      if (!skipValue(cursor, byte)) return false;
    }
  };

  const readFields = (): boolean => {
    for (let seen = 0; ; ) {
      if (nextByte(cursor) !== QUOTE) return false;
      cursor.at++;
      const field = readName(cursor);
      if (field === NO_NAME || (seen & field) !== 0 || nextByte(cursor) !== COLON) return false;
      seen |= field;
      cursor.at++;
      const byte = nextByte(cursor);
      if (!readValue(field, byte)) return false;
      const behind = nextByte(cursor);
      cursor.at++;
      if (behind === CLOSE_OBJECT) return seen === ALL_FIELDS;
      if (behind !== COMMA) return false;
    }
  };

  const readValue = (field: number, byte: number): boolean => {
    const { at } = cursor;
    switch (field) {
      case ID:
        idAt = at + 1;
        return readHex(cursor, KEY_BYTES, keys, 0);
      case PUBKEY:
        pubkeyAt = at + 1;
        return readHex(cursor, KEY_BYTES, keys, KEY_BYTES);
      case SIG:
        sigAt = at + 1;
        return readHex(cursor, SIG_BYTES, keys, 2 * KEY_BYTES);
      case CREATED_AT:
        createdAt = readDigits(cursor);
        createdAtDigits.start = at;
        createdAtDigits.end = cursor.at;
        return createdAt >= 0 && createdAt <= LATEST;
      case KIND:
        kind = readDigits(cursor);
        kindDigits.start = at;
        kindDigits.end = cursor.at;
        return kind >= 0 && kind <= MAX_KIND;
      case TAGS:
        if (byte !== OPEN_LIST) return false;
        cursor.at++;
        cursor.jsonFrom = at;
        tagsJson.start = cursor.jsonAt;
        tagsProto.start = cursor.protoAt;
        if (!readTags(cursor)) return false;
        copyJson(cursor, cursor.at);
        tagsJson.end = cursor.jsonAt;
        tagsProto.end = cursor.protoAt;
        cursor.jsonAt += SEPARATOR_BYTES;
        return true;
      case CONTENT:
        if (byte !== QUOTE) return false;
        cursor.at++;
        cursor.jsonFrom = cursor.at;
        contentJson.start = cursor.jsonAt;
        contentProto.start = cursor.protoAt;
        if (!readString(cursor)) return false;
        copyJson(cursor, cursor.at - 1);
        contentJson.end = cursor.jsonAt;
        contentProto.end = cursor.protoAt;
        return true;
      default:
        return skipValue(cursor, byte);
    }
  };

  /** Puts `[0,"<pubkey>",<created_at>,<kind>,<tags>,"<content>"]` together around the tags. */
  const canonicalJson = (): Uint8Array => {
    const { block } = cursor;
    const contentAt = tagsJson.end + SEPARATOR_BYTES;
    if (contentJson.start !== contentAt) {
      json.copyWithin(contentAt, contentJson.start, contentJson.end);
      contentJson.end += contentAt - contentJson.start;
      contentJson.start = contentAt;
    }
    json[contentAt - 2] = COMMA;
    json[contentAt - 1] = QUOTE;
    let { end } = contentJson;
    json[end++] = QUOTE;
    json[end++] = CLOSE_LIST;

    const headBytes =
      HEAD.length + 2 * KEY_BYTES + 4 + createdAtDigits.end - createdAtDigits.start + kindDigits.end - kindDigits.start;
    const start = tagsJson.start - headBytes;
    let at = start + HEAD.copy(json, start);
    at += block.copy(json, at, pubkeyAt, pubkeyAt + 2 * KEY_BYTES);
    json[at++] = QUOTE;
    json[at++] = COMMA;
    at += block.copy(json, at, createdAtDigits.start, createdAtDigits.end);
    json[at++] = COMMA;
    at += block.copy(json, at, kindDigits.start, kindDigits.end);
    json[at] = COMMA;
    return json.subarray(start, end);
  };

  const writeHex = (target: Buffer, offset: number, key: number, start: number, bytes: number): number => {
    target[offset] = key;
    const at = writeVarint(target, offset + 1, 2 * bytes);
    return at + cursor.block.copy(target, at, start, start + 2 * bytes);
  };

  return {
    read: (block, start, end) => {
      if (end - start > MAX_LINE_BYTES) return false;
      setLine(cursor, block, start, end);
      cursor.jsonAt = HEAD_BYTES;
      cursor.protoAt = 0;
      return readLine();
    },
    get createdAt() {
      return createdAt;
    },
    get kind() {
      return kind;
    },
    hasPlainId: () => {
      Bun.SHA256.hash(canonicalJson(), hash);
      for (let i = 0; i < KEY_BYTES; i++) if (hash[i] !== keys[i]) return false;
      return true;
    },
    copyKeys: (target, offset) => {
      keys.copy(target, offset);
    },
    encode: (target, offset) => {
      let at = writeHex(target, offset, PROTO_ID, idAt, KEY_BYTES);
      at = writeHex(target, at, PROTO_PUBKEY, pubkeyAt, KEY_BYTES);
      if (createdAt > 0) {
        target[at] = PROTO_CREATED_AT;
        at = writeVarint(target, at + 1, createdAt);
      }
      if (kind > 0) {
        target[at] = PROTO_KIND;
        at = writeVarint(target, at + 1, kind);
      }
      at += proto.copy(target, at, tagsProto.start, tagsProto.end);
      const contentBytes = contentProto.end - contentProto.start;
      if (contentBytes > 0) {
        target[at] = PROTO_CONTENT;
        at = writeVarint(target, at + 1, contentBytes);
        at += proto.copy(target, at, contentProto.start, contentProto.end);
      }
      return writeHex(target, at, PROTO_SIG, sigAt, SIG_BYTES);
    },
  };
}
