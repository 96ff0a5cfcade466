import type { NostrEvent, TagValue } from "./event.ts";
import { varintSize, writeNegativeVarint, writeVarint } from "./varint.ts";

// Keys of the fields in proto/nostr.proto: (field number << 3) | wire type.
const ID = 0x0a;
const PUBKEY = 0x12;
const CREATED_AT = 0x18;
const KIND = 0x20;
const TAG = 0x2a;
const CONTENT = 0x32;
const SIG = 0x3a;
const TAG_VALUE = 0x0a;
const TAG_JSON_POSITIONS = 0x12;

const SHORT_STRING = 24;

/**
 * An upper bound for the encoded size of an event that was written as `lineBytes` bytes of JSON. What grows most are numbers in
 * tags: the five bytes `1e20,` become 21 digits with two bytes before them, and a position of up to four bytes.
 */
export function maxEncodedSize(lineBytes: number): number {
  return 6 * lineBytes + 1024;
}

/**
 * Writes the event as one ProtoEvent (proto/nostr.proto), without a length before it, and returns the offset behind it.
 * Fields go out in the order of their numbers and zero values are left out, as the protobuf specification asks of
 * a canonical proto3 encoder, so equal events have equal bytes. `target` must have room (see {@link maxEncodedSize}).
 */
export function encodeEvent(event: NostrEvent, target: Buffer, offset: number): number {
  let at = writeHex(target, offset, ID, event.id);
  at = writeHex(target, at, PUBKEY, event.pubkey);
  at = writeInteger(target, at, CREATED_AT, event.created_at);
  at = writeInteger(target, at, KIND, event.kind);
  for (const tag of event.tags) at = writeTag(target, at, tag);
  if (event.content !== "") at = writeString(target, at, CONTENT, event.content);
  return writeHex(target, at, SIG, event.sig);
}

function writeHex(target: Buffer, offset: number, key: number, hex: string): number {
  target[offset] = key;
  const at = writeVarint(target, offset + 1, hex.length);
  target.write(hex, at, "latin1");
  return at + hex.length;
}

function writeInteger(target: Buffer, offset: number, key: number, value: number): number {
  if (value === 0) return offset;
  target[offset] = key;
  return value > 0 ? writeVarint(target, offset + 1, value) : writeNegativeVarint(target, offset + 1, value);
}

function writeTag(target: Buffer, offset: number, tag: TagValue[]): number {
  target[offset] = TAG;
  const lengthAt = offset + 1;
  const bodyAt = lengthAt + varintSize(estimateTagSize(tag));
  let at = bodyAt;
  let strings = true;
  for (const value of tag) {
    if (typeof value === "string") at = writeString(target, at, TAG_VALUE, value);
    else {
      at = writeString(target, at, TAG_VALUE, JSON.stringify(value));
      strings = false;
    }
  }
  if (!strings) at = writeJsonPositions(target, at, tag);
  return prependLength(target, lengthAt, bodyAt, at);
}

/** Exact for tags of ASCII strings, so that their length is written in place; others are moved afterwards. */
function estimateTagSize(tag: TagValue[]): number {
  let size = 0;
  for (const value of tag) {
    const length = typeof value === "string" ? value.length : 1;
    size += 1 + varintSize(length) + length;
  }
  return size;
}

function writeJsonPositions(target: Buffer, offset: number, tag: TagValue[]): number {
  target[offset] = TAG_JSON_POSITIONS;
  const bodyAt = offset + 2;
  let at = bodyAt;
  tag.forEach((value, position) => {
    if (typeof value !== "string") at = writeVarint(target, at, position);
  });
  return prependLength(target, offset + 1, bodyAt, at);
}

function writeString(target: Buffer, offset: number, key: number, text: string): number {
  target[offset] = key;
  const length = text.length;
  if (length < SHORT_STRING) {
    // Most tag values: a loop beats the call into native code.
    const bodyAt = offset + 2;
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) break;
      target[bodyAt + i] = code;
    }
    if (i === length) {
      target[offset + 1] = length;
      return bodyAt + length;
    }
  }
  const bodyAt = offset + 1 + varintSize(length);
  const end = bodyAt + target.write(text, bodyAt, "utf8");
  return prependLength(target, offset + 1, bodyAt, end);
}

/** Writes the length of the field `bodyAt..end` at `lengthAt`, moving the body when the length takes more room than was left. */
export function prependLength(target: Buffer, lengthAt: number, bodyAt: number, end: number): number {
  const size = end - bodyAt;
  const rightBodyAt = lengthAt + varintSize(size);
  if (rightBodyAt !== bodyAt) target.copyWithin(rightBodyAt, bodyAt, end);
  writeVarint(target, lengthAt, size);
  return rightBodyAt + size;
}
