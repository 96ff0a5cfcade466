import { expect, test } from "bun:test";
import fc from "fast-check";
import { binDays, type DayFigures } from "../../cli/report/bins.ts";

const days = fc
  .uniqueArray(fc.integer({ min: -719_000, max: 2_932_000 }), { maxLength: 300 })
  .chain((numbers) =>
    fc.tuple(
      ...numbers
        .sort((a, b) => a - b)
        .map((day) =>
          fc.record({ day: fc.constant(day), events: fc.integer({ min: 1, max: 1e6 }), bytes: fc.nat(1e9) }),
        ),
    ),
  );

const sum = (figures: { events: number }[]) => figures.reduce((total, { events }) => total + events, 0);

test("bins hold each day once, in order, and what is left out is counted", () => {
  fc.assert(
    fc.property(days, (figures: DayFigures[]) => {
      const { bins, outside, from, to } = binDays(figures);
      expect(sum(bins) + outside.events).toBe(sum(figures));
      expect(outside.events).toBeLessThanOrEqual(sum(figures) * 0.002);
      for (const [i, bin] of bins.entries()) {
        expect(bin.day).toBeLessThan(bin.end);
        if (i > 0) expect(bins[i - 1].end).toBeLessThanOrEqual(bin.day);
      }
      if (bins.length > 0) expect([from, to]).toEqual([bins[0].day, bins[bins.length - 1].end]);
    }),
  );
});

test("the longer the period, the wider the bins, and there are never too many", () => {
  const over = (count: number) =>
    binDays(Array.from({ length: count }, (_, i) => ({ day: 18_000 + i, events: 5, bytes: 9 })));
  expect([over(30), over(400), over(5000), over(50_000)].map(({ unit }) => unit)).toEqual([
    "day",
    "week",
    "month",
    "year",
  ]);
  for (const count of [30, 370, 371, 2600, 5000, 11_000]) expect(over(count).bins.length).toBeLessThanOrEqual(371);
  const [week] = over(400).bins;
  expect(new Date(week.day * 86_400_000).getUTCDay()).toBe(1);
  expect(new Date(over(5000).bins[1].day * 86_400_000).getUTCDate()).toBe(1);
});

test("a few events with odd times do not stretch the period", () => {
  const usual = Array.from({ length: 100 }, (_, i) => ({ day: 19_000 + i, events: 1000, bytes: 1 }));
  const odd = { day: 0, events: 3, bytes: 1 };
  const { bins, outside, from } = binDays([odd, ...usual]);
  expect([bins.length, from, outside]).toEqual([100, 19_000, { days: 1, events: 3 }]);
  expect(binDays([{ ...odd, events: 5000 }, ...usual]).from).toBeLessThanOrEqual(0);
});
