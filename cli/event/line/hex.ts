import { QUOTE } from "./bytes.ts";
import type { Cursor } from "./cursor.ts";

/** By two bytes, the first the lower one, the value of two lowercase hex digits: below 0 when they are none. */
const PAIRS = new Int16Array(65_536).fill(-1);
for (let value = 0; value < 256; value++) {
  const [high, low] = value.toString(16).padStart(2, "0");
  PAIRS[high.charCodeAt(0) | (low.charCodeAt(0) << 8)] = value;
}

/** Reads a string of so many bytes in lowercase hex digits, from its opening quote on. */
export function readHex(cursor: Cursor, bytes: number, target: Uint8Array, offset: number): boolean {
  const { block, at: quoteAt } = cursor;
  const start = quoteAt + 1;
  const behind = start + 2 * bytes;
  if (behind >= cursor.end || block[quoteAt] !== QUOTE || block[behind] !== QUOTE) return false;
  let all = 0;
  for (let i = 0; i < bytes; i++) {
    const value = PAIRS[block[start + 2 * i] | (block[start + 2 * i + 1] << 8)];
    target[offset + i] = value;
    all |= value;
  }
  cursor.at = behind + 1;
  return all >= 0;
}
