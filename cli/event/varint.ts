/** Bytes that a protobuf varint of `value` (an integer from 0 to 2^53-1) takes. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes `value` (an integer from 0 to 2^53-1) as a protobuf varint and returns the offset behind it. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[at++] = rest;
  return at;
}

/** Writes a negative integer as protobuf does for int32 and int64: ten bytes, two's complement of 64 bits. */
export function writeNegativeVarint(target: Uint8Array, offset: number, value: number): number {
  let rest = BigInt.asUintN(64, BigInt(value));
  let at = offset;
  for (; rest >= 0x80n; rest >>= 7n) target[at++] = Number(rest & 0x7fn) | 0x80;
  target[at++] = Number(rest);
  return at;
}

/** Reads the varint at `offset` as a signed 64-bit integer; exact within ±2^53. */
export function readVarint(source: Uint8Array, offset: number): number {
  let value = 0;
  let scale = 1;
  for (let at = offset; at < offset + 9; at++) {
    const byte = source[at];
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 0x80;
  }
  return readTenByteVarint(source, offset);
}

/** Ten bytes: the sign bit is set. Rare (dates before 1970), so exactness goes before speed. */
function readTenByteVarint(source: Uint8Array, offset: number): number {
  let value = 0n;
  for (let i = 0; i < 10; i++) value |= BigInt(source[offset + i] & 0x7f) << BigInt(7 * i);
  return Number(BigInt.asIntN(64, value));
}
