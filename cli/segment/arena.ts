import { dayOf } from "../event/date.ts";
import { maxEncodedSize } from "../event/encode.ts";
import { compareRecordIds, recordHash } from "../event/record.ts";
import { sortByTime } from "./sort.ts";

const SLAB_BYTES = 4 * 1024 ** 2;
const SMALLEST_TABLE = 1024;
/** Slots that are looked at for an id. Ids that were made to collide are then simply not found: the sort finds them. */
const MOST_STEPS = 64;

/** What an arena takes: something that writes itself as a ProtoEvent. */
export interface Encodable {
  /** Unix seconds. */
  readonly createdAt: number;
  /** Writes at `offset` and returns the offset behind. */
  encode(target: Buffer, offset: number): number;
}

/** Takes one encoded event, `slab[start..end)`; the bytes are valid until the arena is cleared. */
export type VisitRecord = (day: number, slab: Buffer, start: number, end: number) => void;

/** The encoded events of one chunk. */
export interface Arena {
  /**
   * Encodes the event and gives its number; `lineBytes` is the length of the JSON it came from. An event that is there with
   * the same bytes is not added again: the number is that of the first.
   */
  add(event: Encodable, lineBytes: number): number;
  /** The number that the next new event gets. */
  count(): number;
  /** Takes an event out again; another one with the same bytes gets a number of its own. */
  drop(number: number): void;
  isDropped(number: number): boolean;
  /** The encoded event of a number. */
  record(number: number): Buffer;
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
  const dropped = new Set<number>();
  /** Numbers of events plus one, at slots by their ids; 0 is an empty slot. */
  let table = new Uint32Array(SMALLEST_TABLE);

  const slabOf = (event: number) => (places[event] >= 0 ? slabs[places[event]] : ownSlabs[-1 - places[event]]);
  const compareIds = (a: number, b: number) => compareRecordIds(slabOf(a), starts[a], slabOf(b), starts[b]);
  const compare = (a: number, b: number) =>
    compareIds(a, b) || slabOf(a).compare(slabOf(b), starts[b], ends[b], starts[a], ends[a]);

  /** The event with these bytes, or the slot where it belongs, as -1 - slot; null when there is no slot near by. */
  const find = (bytes: Buffer, start: number, end: number): number | null => {
    const mask = table.length - 1;
    let slot = recordHash(bytes, start) & mask;
    for (let step = 0; step < MOST_STEPS; step++) {
      const event = table[slot] - 1;
      if (event < 0) return -1 - slot;
      const isSame =
        ends[event] - starts[event] === end - start &&
        !dropped.has(event) &&
        bytes.compare(slabOf(event), starts[event], ends[event], start, end) === 0;
      if (isSame) return event;
      slot = (slot + 1) & mask;
    }
    return null;
  };
  const enter = (event: number, found: number | null) => {
    if (found !== null) table[-1 - found] = event + 1;
    if (2 * times.length <= table.length) return;
    table = new Uint32Array(2 * table.length);
    for (let known = 0; known < times.length; known++) {
      const slot = find(slabOf(known), starts[known], ends[known]);
      if (slot !== null && slot < 0) table[-1 - slot] = known + 1;
    }
  };
  const place = (createdAt: number, number: number, start: number, end: number, found: number | null): number => {
    const event = times.length;
    times.push(createdAt);
    places.push(number);
    starts.push(start);
    ends.push(end);
    enter(event, found);
    return event;
  };

  return {
    add: (event, lineBytes) => {
      const bound = maxEncodedSize(lineBytes);
      if (bound > SLAB_BYTES) {
        const scratch = Buffer.allocUnsafe(bound);
        const end = event.encode(scratch, 0);
        const found = find(scratch, 0, end);
        if (found !== null && found >= 0) return found;
        ownSlabs.push(Buffer.from(scratch.subarray(0, end)));
        return place(event.createdAt, -ownSlabs.length, 0, end, found);
      }
      if (used + bound > SLAB_BYTES) {
        slab++;
        used = 0;
      }
      slabs[slab] ??= Buffer.allocUnsafeSlow(SLAB_BYTES);
      const start = used;
      const end = event.encode(slabs[slab], start);
      const found = find(slabs[slab], start, end);
      if (found !== null && found >= 0) return found;
      used = end;
      return place(event.createdAt, slab, start, end, found);
    },
    count: () => times.length,
    drop: (number) => dropped.add(number),
    isDropped: (number) => dropped.has(number),
    record: (number) => slabOf(number).subarray(starts[number], ends[number]),
    forEachUnique: (visit) => {
      let duplicates = 0;
      let previous = -1;
      for (const event of sortByTime(times, compare)) {
        if (dropped.has(event)) continue;
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
      dropped.clear();
      table.fill(0);
      slab = 0;
      used = 0;
    },
  };
}
