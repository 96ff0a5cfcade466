import { type Batch, orderBy, orderById } from "./sort.ts";
import type { IndexTree } from "./tree.ts";
import { ID_BYTES, ID_TYPE, integerType, writeInteger } from "./values.ts";

/** An index of `event`: how its entries look while they are sorted, and in its tree. An entry is a key and a row. */
export interface EventIndex {
  /** Bytes of an entry. */
  width: number;
  /** Rows of the batch in the order of the index; `byTime` are its rows in the order of time. */
  order(batch: Batch, byTime: Uint32Array): Uint32Array;
  /** Writes an entry so that entries compare as bytes. */
  writeEntry(batch: Batch, row: number, target: Buffer, at: number): void;
  /** Adds the entry `source[at..)` as SQLite's record. */
  addEntry(tree: IndexTree, source: Buffer, at: number): void;
}

const ROW_BYTES = 6;
const TIME_BYTES = 8;
const NUMBER_BYTES = 4;
/** Makes numbers of signed ones that compare the same way. */
const SIGN = 0x8000_0000;

const EVENT_ID: EventIndex = {
  width: ID_BYTES + ROW_BYTES,
  order: orderById,
  writeEntry: ({ ids, first }, row, target, at) => {
    copyId(ids, ID_BYTES * row, target, at);
    writeRow(target, at + ID_BYTES, first + row);
  },
  addEntry: (tree, source, at) => {
    const { scratch } = tree;
    const rowid = readRow(source, at + ID_BYTES);
    const rowType = integerType(rowid);
    scratch[0] = 3;
    scratch[1] = ID_TYPE;
    scratch[2] = rowType;
    copyId(source, at, scratch, 3);
    tree.add(writeInteger(scratch, 3 + ID_BYTES, rowid, rowType));
  },
};

/** An index of a number and created_at. */
function indexWithTime(
  numberOf: (batch: Batch, row: number) => number,
  fromNumber: (number: number) => number,
): EventIndex {
  return {
    width: NUMBER_BYTES + TIME_BYTES + ROW_BYTES,
    order: (batch, byTime) => orderBy(byTime, (row) => numberOf(batch, row)),
    writeEntry: (batch, row, target, at) => {
      writeNumber(target, at, numberOf(batch, row));
      writeTime(target, at + NUMBER_BYTES, batch.createdAt[row]);
      writeRow(target, at + NUMBER_BYTES + TIME_BYTES, batch.first + row);
    },
    addEntry: (tree, source, at) => {
      const { scratch } = tree;
      const number = fromNumber(readNumber(source, at));
      const time = readTime(source, at + NUMBER_BYTES);
      const rowid = readRow(source, at + NUMBER_BYTES + TIME_BYTES);
      const numberType = integerType(number);
      const timeType = integerType(time);
      const rowType = integerType(rowid);
      scratch[0] = 4;
      scratch[1] = numberType;
      scratch[2] = timeType;
      scratch[3] = rowType;
      let end = writeInteger(scratch, 4, number, numberType);
      end = writeInteger(scratch, end, time, timeType);
      tree.add(writeInteger(scratch, end, rowid, rowType));
    },
  };
}

const EVENT_CREATED_AT: EventIndex = {
  width: TIME_BYTES + ROW_BYTES,
  order: (_, byTime) => byTime,
  writeEntry: ({ createdAt, first }, row, target, at) => {
    writeTime(target, at, createdAt[row]);
    writeRow(target, at + TIME_BYTES, first + row);
  },
  addEntry: (tree, source, at) => {
    const { scratch } = tree;
    const time = readTime(source, at);
    const rowid = readRow(source, at + TIME_BYTES);
    const timeType = integerType(time);
    const rowType = integerType(rowid);
    scratch[0] = 3;
    scratch[1] = timeType;
    scratch[2] = rowType;
    const end = writeInteger(scratch, 3, time, timeType);
    tree.add(writeInteger(scratch, end, rowid, rowType));
  },
};

/** created_at as bytes that compare as the number does: seconds above and below 1970. */
function writeTime(target: Buffer, at: number, time: number): void {
  const high = Math.floor(time / 0x1_0000_0000);
  writeNumber(target, at, (high + SIGN) >>> 0);
  writeNumber(target, at + 4, time - high * 0x1_0000_0000);
}

function readTime(source: Buffer, at: number): number {
  return (readNumber(source, at) - SIGN) * 0x1_0000_0000 + readNumber(source, at + 4);
}

/** Faster than a call for so few bytes. */
function copyId(source: Buffer, from: number, target: Buffer, to: number): void {
  for (let i = 0; i < ID_BYTES; i++) target[to + i] = source[from + i];
}

function writeRow(target: Buffer, at: number, rowid: number): void {
  const high = Math.floor(rowid / 0x1_0000_0000);
  target[at] = high >> 8;
  target[at + 1] = high;
  writeNumber(target, at + 2, rowid);
}

function readRow(source: Buffer, at: number): number {
  return ((source[at] << 8) | source[at + 1]) * 0x1_0000_0000 + readNumber(source, at + 2);
}

/** The last 32 bits of a number. Byte by byte is faster than the methods of Buffer. */
function writeNumber(target: Buffer, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

function readNumber(source: Buffer, at: number): number {
  return ((source[at] << 24) | (source[at + 1] << 16) | (source[at + 2] << 8) | source[at + 3]) >>> 0;
}

/** The indexes of `event` by name. */
export const EVENT_INDEXES: Record<string, EventIndex> = {
  event_id: EVENT_ID,
  event_pubkey: indexWithTime(
    ({ pubkeys }, row) => pubkeys[row],
    (number) => number,
  ),
  event_kind: indexWithTime(
    ({ kinds }, row) => kinds[row] + SIGN,
    (number) => number - SIGN,
  ),
  event_created_at: EVENT_CREATED_AT,
};
