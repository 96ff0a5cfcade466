import { dayOf } from "../event/date.ts";
import { encodeEvent, maxEncodedSize } from "../event/encode.ts";
import type { NostrEvent } from "../event/event.ts";
import { compareRecordIds } from "../event/record.ts";

const SLAB_BYTES = 4 * 1024 ** 2;

/** The encoded events of one chunk. */
export interface Arena {
  /** Encodes the event; `lineBytes` is the length of the JSON it came from. */
  add(event: NostrEvent, lineBytes: number): void;
  /** Gives the events by (created_at, id), each id once: of several with one id and time the smallest bytes. */
  forEachUnique(visit: (day: number, record: Buffer) => void): { duplicates: number };
}

/**
 * Holds encoded events in slabs of 4 MiB, so that growing copies nothing. An event whose bound exceeds a slab
 * gets a buffer of its own, cut to its size.
 */
export function createArena(): Arena {
  const records: Buffer[] = [];
  const times: number[] = [];
  let slab = Buffer.allocUnsafe(0);
  let used = 0;

  const compare = (a: number, b: number) =>
    times[a] - times[b] || compareRecordIds(records[a], 0, records[b], 0) || records[a].compare(records[b]);

  return {
    add: (event, lineBytes) => {
      const bound = maxEncodedSize(lineBytes);
      if (bound > SLAB_BYTES) {
        const scratch = Buffer.allocUnsafe(bound);
        records.push(Buffer.from(scratch.subarray(0, encodeEvent(event, scratch, 0))));
      } else {
        if (used + bound > slab.length) {
          slab = Buffer.allocUnsafe(SLAB_BYTES);
          used = 0;
        }
        const end = encodeEvent(event, slab, used);
        records.push(slab.subarray(used, end));
        used = end;
      }
      times.push(event.created_at);
    },
    forEachUnique: (visit) => {
      const order = Uint32Array.from(records.keys()).sort(compare);
      let duplicates = 0;
      let previous = -1;
      for (const index of order) {
        if (
          previous >= 0 &&
          times[index] === times[previous] &&
          compareRecordIds(records[index], 0, records[previous], 0) === 0
        ) {
          duplicates++;
          continue;
        }
        previous = index;
        visit(dayOf(times[index]), records[index]);
      }
      return { duplicates };
    },
  };
}
