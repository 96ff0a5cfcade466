import { dayOf } from "../event/date.ts";
import { encodeEvent, maxEncodedSize } from "../event/encode.ts";
import type { NostrEvent } from "../event/event.ts";
import { compareRecordIds } from "../event/record.ts";

const SLAB_BYTES = 4 * 1024 ** 2;

/** Takes one encoded event, `slab[start..end)`; the bytes are valid until the arena is cleared. */
export type VisitRecord = (day: number, slab: Buffer, start: number, end: number) => void;

/** The encoded events of one chunk. */
export interface Arena {
  /** Encodes the event; `lineBytes` is the length of the JSON it came from. */
  add(event: NostrEvent, lineBytes: number): void;
  /** Gives the events by (created_at, id), each id once: of several with one id and time the smallest bytes. */
  forEachUnique(visit: VisitRecord): { duplicates: number };
  /** Forgets the events and keeps the memory for the next chunk. */
  clear(): void;
}

/**
 * Holds encoded events in slabs of 4 MiB, so that growing copies nothing. An event whose bound exceeds a slab
 * gets a slab of its own, cut to its size, that `clear` gives back.
 */
export function createArena(): Arena {
  const slabs: Buffer[] = [];
  const ownSlabs: Buffer[] = [];
  let slab = 0;
  let used = 0;
  /** Of each event its slab (own slabs count down from -1), where it is in it, and its created_at. */
  const places: number[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  const times: number[] = [];

  const slabOf = (event: number) => (places[event] >= 0 ? slabs[places[event]] : ownSlabs[-1 - places[event]]);
  const compareIds = (a: number, b: number) => compareRecordIds(slabOf(a), starts[a], slabOf(b), starts[b]);
  const compare = (a: number, b: number) =>
    times[a] - times[b] || compareIds(a, b) || slabOf(a).compare(slabOf(b), starts[b], ends[b], starts[a], ends[a]);

  const place = (number: number, start: number, end: number) => {
    places.push(number);
    starts.push(start);
    ends.push(end);
  };

  return {
    add: (event, lineBytes) => {
      const bound = maxEncodedSize(lineBytes);
      times.push(event.created_at);
      if (bound > SLAB_BYTES) {
        const scratch = Buffer.allocUnsafe(bound);
        const end = encodeEvent(event, scratch, 0);
        ownSlabs.push(Buffer.from(scratch.subarray(0, end)));
        place(-ownSlabs.length, 0, end);
        return;
      }
      if (used + bound > SLAB_BYTES) {
        slab++;
        used = 0;
      }
      slabs[slab] ??= Buffer.allocUnsafeSlow(SLAB_BYTES);
      const end = encodeEvent(event, slabs[slab], used);
      place(slab, used, end);
      used = end;
    },
    forEachUnique: (visit) => {
      const order = Uint32Array.from(times.keys()).sort(compare);
      let duplicates = 0;
      let previous = -1;
      for (const event of order) {
        if (previous >= 0 && times[event] === times[previous] && compareIds(event, previous) === 0) {
          duplicates++;
          continue;
        }
        previous = event;
        visit(dayOf(times[event]), slabOf(event), starts[event], ends[event]);
      }
      return { duplicates };
    },
    clear: () => {
      for (const list of [ownSlabs, places, starts, ends, times]) list.length = 0;
      slab = 0;
      used = 0;
    },
  };
}
