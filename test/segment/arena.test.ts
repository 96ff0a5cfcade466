import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeEvent } from "../../cli/event/decode.ts";
import { encodeEvent } from "../../cli/event/encode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { createArena } from "../../cli/segment/arena.ts";
import { sortByTime } from "../../cli/segment/sort.ts";
import { crowdedEvent } from "../events.ts";

const encodable = (event: NostrEvent) => ({
  createdAt: event.created_at,
  encode: (target: Buffer, offset: number) => encodeEvent(event, target, offset),
});

function encode(event: NostrEvent): Buffer {
  const target = Buffer.alloc(4096);
  return Buffer.from(target.subarray(0, encodeEvent(event, target, 0)));
}

/** By time, id and bytes; of one id the first. */
function sortNaively(events: NostrEvent[]): NostrEvent[] {
  const sorted = events.toSorted((a, b) => a.created_at - b.created_at || encode(a).compare(encode(b)));
  return sorted.filter((event, i) => event.id !== sorted[i - 1]?.id);
}

describe("an arena", () => {
  test("gives the same as a sort, without what was dropped, and knows equal events", () => {
    const arena = createArena();
    fc.assert(
      fc.property(fc.array(fc.tuple(crowdedEvent, fc.boolean(), fc.boolean())), fc.boolean(), (events, large) => {
        arena.clear();
        const kept = new Map<string, number>();
        for (const [event, isDropped] of events) {
          const key = encode(event).toString("hex");
          const count = arena.count();
          const number = arena.add(encodable(event), large ? 2 * 1024 ** 2 : 2000);
          expect(number).toBe(kept.get(key) ?? count);
          expect(arena.record(number).toString("hex")).toBe(key);
          kept.set(key, number);
          if (!isDropped) continue;
          arena.drop(number);
          expect(arena.isDropped(number)).toBe(true);
          kept.delete(key);
        }
        const left = [...kept.keys()].map((key) => decodeEvent(Buffer.from(key, "hex")));
        const seen: NostrEvent[] = [];
        const { duplicates } = arena.forEachUnique((_, slab, start, end) =>
          seen.push(decodeEvent(slab.subarray(start, end))),
        );
        expect(seen).toEqual(sortNaively(left));
        expect(duplicates).toBe(left.length - seen.length);
      }),
    );
  });

  test("is right about thousands of events, and of ids that were made to collide", () => {
    const make = (n: number): NostrEvent => ({
      id: n % 2 === 0 ? `00000000${n.toString(16).padStart(56, "0")}` : Bun.SHA256.hash(String(n), "hex"),
      pubkey: "ab".repeat(32),
      created_at: 1_700_000_000 - (n % 977),
      kind: 1,
      tags: [],
      content: "",
      sig: "0".repeat(128),
    });
    const events = Array.from({ length: 6000 }, (_, n) => make(n));
    const arena = createArena();
    for (const event of [...events, ...events.toReversed()]) arena.add(encodable(event), 500);
    const seen: NostrEvent[] = [];
    const { duplicates } = arena.forEachUnique((_, slab, start, end) =>
      seen.push(decodeEvent(slab.subarray(start, end))),
    );
    expect(seen).toEqual(sortNaively(events));
    expect(duplicates).toBe(arena.count() - events.length);
    // Those that do not collide are known at once.
    expect(arena.count()).toBeLessThan(events.length + events.length / 2 + 1);
  });
});

test("times are sorted whatever their range, equal ones by what compares them", () => {
  const time = fc.oneof(
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: -62_167_219_200, max: 253_402_300_799 }),
    fc.constantFrom(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  );
  fc.assert(
    fc.property(fc.array(time), (times) => {
      const wanted = [...times.keys()].sort((a, b) => times[a] - times[b] || b - a);
      expect([...sortByTime(times, (a, b) => b - a)]).toEqual(wanted);
    }),
    { numRuns: 1000 },
  );
});
