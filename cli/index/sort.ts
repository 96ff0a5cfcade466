import { ID_BYTES } from "./values.ts";

/** Rows that are sorted at once. A power of two: with a number of 32 bits, a row's place fits into a double. */
export const BATCH_ROWS = 2 ** 18;

/** What the indexes have of consecutive rows of `event`, by column. */
export interface Batch {
  /** Row of the first one. */
  first: number;
  count: number;
  ids: Buffer;
  pubkeys: Uint32Array;
  createdAt: Float64Array;
  kinds: Int32Array;
}

export function createBatch(): Batch {
  return {
    first: 1,
    count: 0,
    ids: Buffer.allocUnsafeSlow(ID_BYTES * BATCH_ROWS),
    pubkeys: new Uint32Array(BATCH_ROWS),
    createdAt: new Float64Array(BATCH_ROWS),
    kinds: new Int32Array(BATCH_ROWS),
  };
}

/** Numbers of the rows of a batch in the order of time; mostly they are in it already. */
export function orderByTime({ count, createdAt }: Batch): Uint32Array {
  const order = new Uint32Array(count);
  let isSorted = true;
  for (let i = 0; i < count; i++) {
    order[i] = i;
    if (i > 0 && createdAt[i] < createdAt[i - 1]) isSorted = false;
  }
  return isSorted ? order : order.sort((a, b) => createdAt[a] - createdAt[b] || a - b);
}

/** Sorts rows by a number of 32 bits; of equal numbers the order stays. Numbers alone are sorted by native code, without calling back. */
export function orderBy(order: Uint32Array, numberOf: (row: number) => number): Uint32Array {
  const packed = new Float64Array(order.length);
  for (let i = 0; i < order.length; i++) packed[i] = numberOf(order[i]) * BATCH_ROWS + i;
  packed.sort();
  const sorted = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i++) sorted[i] = order[packed[i] % BATCH_ROWS];
  return sorted;
}

/** Numbers of the rows of a batch in the order of their ids. */
export function orderById({ count, ids }: Batch): Uint32Array {
  const head = (row: number) => ids.readUInt32BE(ID_BYTES * row);
  const order = orderBy(
    Uint32Array.from({ length: count }, (_, i) => i),
    head,
  );
  const compare = (a: number, b: number) =>
    ids.compare(ids, ID_BYTES * b, ID_BYTES * (b + 1), ID_BYTES * a, ID_BYTES * (a + 1)) || a - b;
  for (let from = 0; from < count; ) {
    let to = from + 1;
    while (to < count && head(order[to]) === head(order[from])) to++;
    if (to - from > 1) order.subarray(from, to).sort(compare);
    from = to;
  }
  return order;
}
