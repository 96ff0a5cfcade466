import { ZERO } from "./bytes.ts";
import type { Cursor } from "./cursor.ts";

/** So many decimal digits are exact as a number, and JSON writes that number with the same digits. */
const MAX_DIGITS = 15;

/** Reads an integer that is written as plain digits: below 0 when the number is written otherwise or has too many. */
export function readDigits(cursor: Cursor): number {
  const { block, at: start } = cursor;
  const limit = Math.min(cursor.end, start + MAX_DIGITS + 1);
  let at = start;
  let value = 0;
  for (; at < limit; at++) {
    const digit = block[at] - ZERO;
    if (digit < 0 || digit > 9) break;
    value = 10 * value + digit;
  }
  const digits = at - start;
  if (digits === 0 || digits > MAX_DIGITS || (digits > 1 && block[start] === ZERO)) return -1;
  cursor.at = at;
  return value;
}
