import { decodeEvent } from "./decode.ts";
import type { NostrEvent } from "./event.ts";
import { readVarint } from "./varint.ts";

// Keys of the fields in proto/nostr.proto: (field number << 3) | wire type.
const ID = 0x0a;
const PUBKEY = 0x12;
const CREATED_AT = 0x18;
const KIND = 0x20;
const TAG = 0x2a;
const TAG_VALUE = 0x0a;
const CONTENT = 0x32;
const SIG = 0x3a;

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;

const TEXT = {
  id: Buffer.from('{"id":'),
  pubkey: Buffer.from(',"pubkey":'),
  createdAt: Buffer.from(',"created_at":'),
  kind: Buffer.from(',"kind":'),
  tags: Buffer.from(',"tags":['),
  content: Buffer.from('],"content":'),
  sig: Buffer.from(',"sig":'),
  end: Buffer.from("}\n"),
  zero: Buffer.from("0"),
  empty: Buffer.from('""'),
};

/** JSON takes up to six bytes for one. */
const MAX_GROWTH = 6;
const MAX_FRAME_BYTES = 256;
/** Larger events are left to the JSON of the runtime, so that no more room is needed than they take. */
const LARGE_EVENT_BYTES = 1024 ** 2;

/** What JSON writes for a byte of UTF-8, where that is not the byte itself. */
const ESCAPES = Array.from({ length: BACKSLASH + 1 }, (_, byte) => {
  const text = JSON.stringify(String.fromCharCode(byte)).slice(1, -1);
  return text.length === 1 ? null : Buffer.from(text);
});

/** JSON of events, one a line, in a buffer that grows. */
export interface JsonLines {
  /** Adds the ProtoEvent between `start` and `end`. @throws {Error} when it is none */
  add(source: Buffer, start: number, end: number): void;
  addEvent(event: NostrEvent): void;
  /** How many bytes there are so far. */
  length(): number;
  bytes(): Buffer<ArrayBuffer>;
}

/** @param room bytes to begin with */
export function createJsonLines(room: number): JsonLines {
  let target = Buffer.allocUnsafeSlow(room);
  let used = 0;
  const makeRoom = (bytes: number) => {
    if (used + bytes <= target.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * target.length, used + bytes));
    target.copy(grown, 0, 0, used);
    target = grown;
  };
  const addEvent = (event: NostrEvent) => {
    const line = `${JSON.stringify(event)}\n`;
    makeRoom(Buffer.byteLength(line));
    used += target.write(line, used);
  };
  return {
    add: (source, start, end) => {
      if (end > source.length) throw new Error("an event ends behind its bytes");
      const size = end - start;
      const isSmall = size <= LARGE_EVENT_BYTES;
      if (isSmall) makeRoom(MAX_GROWTH * size + MAX_FRAME_BYTES);
      const next = isSmall ? writeEventJson(source, start, end, target, used) : 0;
      if (next > 0) used = next;
      else addEvent(decodeEvent(source.subarray(start, end)));
    },
    addEvent,
    length: () => used,
    bytes: () => target.subarray(0, used),
  };
}

/**
 * Copies a ProtoEvent as `encodeEvent` writes it to a line of JSON without making an object of it, which takes several times as long.
 * @returns the offset behind the line; 0 for what is encoded otherwise, or has tag values that are no strings
 */
function writeEventJson(source: Buffer, start: number, end: number, target: Buffer, offset: number): number {
  let from = start;
  let to = putBytes(target, offset, TEXT.id);
  let next = 0;

  if (source[from++] !== ID) return 0;
  next = endOfField(source, from, end);
  to = putString(source, from, next, target, to);
  from = next;

  if (source[from++] !== PUBKEY) return 0;
  to = putBytes(target, to, TEXT.pubkey);
  next = endOfField(source, from, end);
  to = putString(source, from, next, target, to);
  from = next;

  to = putBytes(target, to, TEXT.createdAt);
  if (source[from] !== CREATED_AT) to = putBytes(target, to, TEXT.zero);
  else {
    to = putInteger(target, to, readVarint(source, from + 1));
    from = endOfVarint(source, from + 1);
  }
  to = putBytes(target, to, TEXT.kind);
  if (source[from] !== KIND) to = putBytes(target, to, TEXT.zero);
  else {
    to = putInteger(target, to, readVarint(source, from + 1));
    from = endOfVarint(source, from + 1);
  }

  to = putBytes(target, to, TEXT.tags);
  for (let tags = 0; source[from] === TAG; tags++) {
    const stop = endOfField(source, from + 1, end);
    from = endOfVarint(source, from + 1);
    if (tags > 0) target[to++] = COMMA;
    target[to++] = OPEN;
    for (let values = 0; from < stop; values++) {
      if (values > 0) target[to++] = COMMA;
      if (source[from++] !== TAG_VALUE) return 0;
      next = endOfField(source, from, stop);
      to = putString(source, from, next, target, to);
      from = next;
    }
    if (from !== stop) return 0;
    target[to++] = CLOSE;
  }

  to = putBytes(target, to, TEXT.content);
  if (source[from] !== CONTENT) to = putBytes(target, to, TEXT.empty);
  else {
    next = endOfField(source, from + 1, end);
    to = putString(source, from + 1, next, target, to);
    from = next;
  }
  if (source[from++] !== SIG) return 0;
  to = putBytes(target, to, TEXT.sig);
  if (endOfField(source, from, end) !== end) return 0;
  to = putString(source, from, end, target, to);
  return putBytes(target, to, TEXT.end);
}

function endOfVarint(source: Buffer, at: number): number {
  let end = at;
  while (source[end] >= 0x80) end++;
  return end + 1;
}

/** Where the field ends whose length is at `at`. @throws {Error} when it ends behind `limit` */
function endOfField(source: Buffer, at: number, limit: number): number {
  const end = endOfVarint(source, at) + readVarint(source, at);
  if (!(end <= limit)) throw new Error("a field is longer than what it is in");
  return end;
}

function putBytes(target: Buffer, offset: number, bytes: Buffer): number {
  for (let i = 0; i < bytes.length; i++) target[offset + i] = bytes[i];
  return offset + bytes.length;
}

function putInteger(target: Buffer, offset: number, value: number): number {
  return offset + target.write(String(value), offset, "latin1");
}

/** The string after its length at `at`, in quotes. */
function putString(source: Buffer, at: number, end: number, target: Buffer, offset: number): number {
  let to = offset;
  target[to++] = QUOTE;
  for (let from = endOfVarint(source, at); from < end; from++) {
    const byte = source[from];
    if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) target[to++] = byte;
    else to += ESCAPES[byte]?.copy(target, to) ?? 0;
  }
  target[to++] = QUOTE;
  return to;
}
