import { expect, test } from "bun:test";
import fc from "fast-check";
import { SECONDS_PER_DAY } from "../../cli/event/date.ts";
import { slicesOf } from "../../cli/query/slices.ts";

const MIB = 1024 ** 2;
const days = fc
  .uniqueArray(fc.record({ day: fc.integer({ min: 0, max: 60 }), bytes: fc.integer({ min: 1, max: 100 * MIB }) }), {
    selector: ({ day }) => day,
  })
  .map((list) => list.toSorted((a, b) => a.day - b.day));
const span = fc
  .tuple(fc.integer({ min: -10, max: 61 * SECONDS_PER_DAY }), fc.integer({ min: 0, max: 61 * SECONDS_PER_DAY }))
  .map(([since, length]) => ({ since, until: since + length }));

test("slices follow one another without gap, cover the span, and are of much the same size", () => {
  fc.assert(
    fc.property(days, span, (list, whole) => {
      const slices = slicesOf(whole, list, "oldest-first");
      expect(slices[0].since).toBe(whole.since);
      expect(slices.at(-1)?.until).toBe(whole.until);
      for (const [i, { since, until, bytes }] of slices.entries()) {
        expect(since).toBeLessThanOrEqual(until);
        if (i > 0) expect(since).toBe(slices[i - 1].until + 1);
        // The first and the last may hold what lies outside of the span.
        if (i > 0 && i < slices.length - 1) expect(bytes).toBeLessThanOrEqual(16 * MIB);
      }
      const total = slices.reduce((sum, { bytes }) => sum + bytes, 0);
      expect(total).toBeCloseTo(
        list.reduce((sum, { bytes }) => sum + bytes, 0),
        0,
      );
      expect(slicesOf(whole, list, "newest-first")).toEqual(slices.toReversed());
    }),
  );
});

test("an archive of one large day is divided too", () => {
  const whole = { since: Number.MIN_SAFE_INTEGER, until: Number.MAX_SAFE_INTEGER };
  expect(slicesOf(whole, [{ day: 19_000, bytes: 800 * MIB }], "newest-first").length).toBeGreaterThan(90);
});
