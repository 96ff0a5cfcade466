import { EXIT, ProtonBeamError } from "../errors.ts";
import { compareRecordIds, isEncodedHere } from "../event/record.ts";
import { type Cursor, createCursor } from "./cursor.ts";

/** Takes one encoded event, `block[start..end)`. The bytes stay valid and unchanged after the call. */
export type EmitRecord = (block: Buffer, start: number, end: number) => void;

/** A row that should be as this program writes it, sorted and each event once, is not: it is of another tool. */
export class UnsortedError extends ProtonBeamError {
  constructor() {
    super(
      "a daily file of the archive is not sorted by created_at and id with each event once, or encoded otherwise: it is of another tool, and nothing can be added to it. " +
        "Make an archive of it with merge, and add to that one.",
      EXIT.failed,
    );
  }
}

/**
 * Merges rows of delimited events, each sorted by (created_at, id), into one. Of events with the same id and time the
 * one with the smallest bytes is emitted; the others are counted.
 * @throws {UnsortedError}
 */
export function mergeRuns(runs: Iterable<Iterator<Buffer>>, emit: EmitRecord): { duplicates: number } {
  const heap: Cursor[] = [];
  for (const run of runs) {
    const cursor = createCursor(run);
    if (cursor.advance()) heap.push(cursor);
  }
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) siftDown(heap, i);

  let duplicates = 0;
  let lastBlock: Buffer | null = null;
  let lastStart = 0;
  let lastCreatedAt = 0;
  while (heap.length > 0) {
    const top = heap[0];
    const order =
      lastBlock === null
        ? 1
        : top.createdAt - lastCreatedAt || compareRecordIds(top.block, top.start, lastBlock, lastStart);
    // What comes out is in order if and only if each row was.
    if (order < 0 || !isEncodedHere(top.block, top.start)) throw new UnsortedError();
    if (order === 0) duplicates++;
    else {
      emit(top.block, top.start, top.end);
      lastBlock = top.block;
      lastStart = top.start;
      lastCreatedAt = top.createdAt;
    }
    if (!top.advance()) {
      const last = heap.pop();
      if (last === undefined || last === top) continue;
      heap[0] = last;
    }
    siftDown(heap, 0);
  }
  return { duplicates };
}

function siftDown(heap: Cursor[], from: number): void {
  const moved = heap[from];
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && compareCursors(heap[child + 1], heap[child]) < 0) child++;
    if (compareCursors(moved, heap[child]) <= 0) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

function compareCursors(a: Cursor, b: Cursor): number {
  return (
    a.createdAt - b.createdAt ||
    compareRecordIds(a.block, a.start, b.block, b.start) ||
    a.block.compare(b.block, b.start, b.end, a.start, a.end)
  );
}
