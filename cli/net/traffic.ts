/**
 * Counts of what happens on a link, in memory that threads share: a worker that gets it with its link counts into the same.
 * The first is of transfers that failed and were repeated, the second of bytes of files that were received or sent.
 */
export type Traffic = BigInt64Array<SharedArrayBuffer>;

const RETRIES = 0;
const MOVED = 1;

export function createTraffic(): Traffic {
  return new BigInt64Array(new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT));
}

/** A transfer failed and is going to be repeated. */
export function countRetry(traffic: Traffic): void {
  Atomics.add(traffic, RETRIES, 1n);
}

/** Bytes of a file were received or sent. */
export function countMoved(traffic: Traffic, bytes: number): void {
  Atomics.add(traffic, MOVED, BigInt(bytes));
}

/** What was counted so far, in all threads. */
export function readTraffic(traffic: Traffic): { retries: number; moved: number } {
  return { retries: Number(Atomics.load(traffic, RETRIES)), moved: Number(Atomics.load(traffic, MOVED)) };
}
