import { recordCreatedAt } from "../event/record.ts";
import { readVarint, varintSize } from "../event/varint.ts";

/** A place in a sorted row of delimited events: the current event is `block[start..end)`, without its length. */
export interface Cursor {
  block: Buffer;
  start: number;
  end: number;
  createdAt: number;
  /** Goes to the next event; false at the end. */
  advance(): boolean;
}

/** A cursor before the first event. Every block holds whole events. */
export function createCursor(blocks: Iterator<Buffer>): Cursor {
  const cursor: Cursor = {
    block: Buffer.alloc(0),
    start: 0,
    end: 0,
    createdAt: 0,
    advance: () => {
      while (cursor.end >= cursor.block.length) {
        const next = blocks.next();
        if (next.done) return false;
        cursor.block = next.value;
        cursor.end = 0;
      }
      const length = readVarint(cursor.block, cursor.end);
      cursor.start = cursor.end + varintSize(length);
      cursor.end = cursor.start + length;
      cursor.createdAt = recordCreatedAt(cursor.block, cursor.start);
      return true;
    },
  };
  return cursor;
}
