import { expect, test } from "bun:test";
import fc from "fast-check";
import { dayName, parseDayName } from "../../cli/event/date.ts";

test("the name of a day names that day only", () => {
  fc.assert(
    fc.property(fc.integer({ min: -719_528, max: 2_932_896 }), (day) => {
      expect(parseDayName(dayName(day))).toBe(day);
    }),
  );
  for (const name of ["2024_02_31", "2023_02_29", "2024_13_01", "2024_00_10", "2024_1_1", "2024-01-01", "24_01_01", ""])
    expect(parseDayName(name)).toBeNull();
});
