/*
 * Values as SQLite stores them in records (https://www.sqlite.org/fileformat2.html#record_format): of each its type in the
 * record's header, then its bytes, big-endian. Integers are exact within ±2^53, as everywhere.
 */
export const ID_BYTES = 32;
/** The type of a blob of 32 bytes. */
export const ID_TYPE = 12 + 2 * ID_BYTES;
export const NULL_TYPE = 0;
const BYTES_OF_TYPE = [0, 1, 2, 3, 4, 6, 8, 0, 0, 0];

/** The type of an integer: that with the fewest bytes. */
export function integerType(value: number): number {
  if (value === 0) return 8;
  if (value === 1) return 9;
  const size = value < 0 ? -1 - value : value;
  if (size < 0x80) return 1;
  if (size < 0x8000) return 2;
  if (size < 0x80_0000) return 3;
  if (size < 0x8000_0000) return 4;
  return size < 0x8000_0000_0000 ? 5 : 6;
}

/** Bytes that an integer of this type takes. */
export function integerBytes(type: number): number {
  return BYTES_OF_TYPE[type];
}

/** Writes an integer and returns the offset behind it. */
export function writeInteger(target: Buffer, at: number, value: number, type: number): number {
  const bytes = BYTES_OF_TYPE[type];
  if (bytes > 4) {
    const high = Math.floor(value / 0x1_0000_0000);
    writeBytes(target, at, high, bytes - 4);
    return writeBytes(target, at + bytes - 4, value - high * 0x1_0000_0000, 4);
  }
  return writeBytes(target, at, value, bytes);
}

function writeBytes(target: Buffer, at: number, value: number, bytes: number): number {
  for (let i = at, shift = 8 * (bytes - 1); shift >= 0; i++, shift -= 8) target[i] = value >>> shift;
  return at + bytes;
}

/** Writes a varint of SQLite, for a number from 0 below 2^53, and returns the offset behind it. */
export function writeSqliteVarint(target: Buffer, at: number, value: number): number {
  const size = sqliteVarintBytes(value);
  let rest = value;
  for (let i = at + size - 1; i >= at; i--) {
    target[i] = (rest % 0x80) | (i === at + size - 1 ? 0 : 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return at + size;
}

/** Bytes of a varint of a number below 2^53, which needs no ninth byte of eight bits. */
export function sqliteVarintBytes(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
