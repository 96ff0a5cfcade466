import { closeSync } from "node:fs";
import { readAt, writeAt } from "../store/blocks.ts";
import { openNameless } from "./scratch.ts";

const WRITE_BYTES = 1024 ** 2;
/** What all runs that are merged may have in memory. */
const READ_BYTES = 32 * 1024 ** 2;
const MAX_READ_BYTES = 1024 ** 2;

/** Sorted runs of entries of one width, kept in a nameless file; entries are compared as bytes. */
export interface Runs {
  /** Starts a run of `entries` entries; `write` is given each one's number and puts it into `target` at `at`. */
  add(entries: number, write: (i: number, target: Buffer, at: number) => void): void;
  /** Gives the entries of all runs in order. */
  merge(take: (source: Buffer, at: number) => void): void;
  close(): void;
}

/** @param path where the file is made */
export function createRuns(path: string, width: number): Runs {
  const file = openNameless(path);
  const runs: { start: number; end: number }[] = [];
  let size = 0;
  return {
    add: (entries, write) => {
      const perBlock = Math.floor(WRITE_BYTES / width);
      const block = Buffer.allocUnsafe(perBlock * width);
      const start = size;
      for (let i = 0; i < entries; ) {
        let used = 0;
        for (; i < entries && used < block.length; i++, used += width) write(i, block, used);
        writeAt(file, block.subarray(0, used), size);
        size += used;
      }
      runs.push({ start, end: size });
    },
    merge: (take) => {
      const readBytes = Math.min(MAX_READ_BYTES, Math.floor(READ_BYTES / Math.max(runs.length, 1)));
      const perBlock = Math.max(1, Math.floor(readBytes / width));
      mergeRuns(
        runs.map(({ start, end }) => openRun(file, start, end, width, perBlock * width)),
        width,
        take,
      );
    },
    close: () => closeSync(file),
  };
}

interface OpenRun {
  block: Buffer;
  at: number;
  /** The first bytes of the current entry as a number: they decide most comparisons. */
  head: number;
  /** Goes to the next entry; false at the end. */
  advance(): boolean;
}

/** A run before its first entry. */
function openRun(file: number, start: number, end: number, width: number, blockBytes: number): OpenRun {
  const buffer = Buffer.allocUnsafe(Math.min(blockBytes, end - start));
  let position = start;
  const run: OpenRun = {
    block: buffer.subarray(0, 0),
    at: 0,
    head: 0,
    advance: () => {
      run.at += width;
      if (run.at >= run.block.length) {
        if (position === end) return false;
        run.block = buffer.subarray(0, Math.min(buffer.length, end - position));
        readAt(file, run.block, position);
        position += run.block.length;
        run.at = 0;
      }
      run.head = run.block.readUInt32BE(run.at);
      return true;
    },
  };
  return run;
}

function mergeRuns(runs: OpenRun[], width: number, take: (source: Buffer, at: number) => void): void {
  const isBefore = (a: OpenRun, b: OpenRun) => {
    if (a.head !== b.head) return a.head < b.head;
    // For so few bytes a native call takes longer.
    for (let i = 4; i < width; i++) {
      const difference = a.block[a.at + i] - b.block[b.at + i];
      if (difference !== 0) return difference < 0;
    }
    return false;
  };
  const heap = runs.filter((run) => run.advance());
  const siftDown = (from: number) => {
    const moved = heap[from];
    let at = from;
    for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], moved)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moved;
  };
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) siftDown(i);
  while (heap.length > 0) {
    const top = heap[0];
    take(top.block, top.at);
    if (!top.advance()) {
      const last = heap.pop();
      if (last === undefined || last === top) continue;
      heap[0] = last;
    }
    siftDown(0);
  }
}
