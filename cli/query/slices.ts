import { SECONDS_PER_DAY } from "../event/date.ts";
import type { DayBytes, Order, Span } from "./lookup.ts";

/** Uncompressed bytes of a slice: much more than starting it takes, and little enough for many threads to hold its events. */
const SLICE_BYTES = 8 * 1024 ** 2;

/** A part of a span of time, and the uncompressed bytes that are in it if a day has them at even distances. */
export interface Slice extends Span {
  bytes: number;
}

/**
 * Divides a span of time, in order, into slices of about 8 MiB that can be searched side by side: they cover all of it, and no
 * two events of one time are in different slices.
 * @param days those of the span that have daily files, ascending
 */
export function slicesOf(span: Span, days: DayBytes[], order: Order): Slice[] {
  const slices: Slice[] = [];
  let open: Slice = { ...span, bytes: 0 };
  for (const { day, bytes } of days) {
    const pieces = Math.max(1, Math.ceil(bytes / SLICE_BYTES));
    for (let piece = 0; piece < pieces; piece++) {
      const start = day * SECONDS_PER_DAY + Math.floor((piece * SECONDS_PER_DAY) / pieces);
      if (open.bytes >= SLICE_BYTES && start > open.since && start <= span.until) {
        slices.push({ ...open, until: start - 1 });
        open = { since: start, until: span.until, bytes: 0 };
      }
      open.bytes += bytes / pieces;
    }
  }
  slices.push(open);
  return order === "newest-first" ? slices.reverse() : slices;
}
