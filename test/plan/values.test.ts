import { expect, test } from "bun:test";
import { parseKinds, parseSize, parseTime } from "../../cli/plan/values.ts";

test("sizes", () => {
  expect(["1", "10k", "10 KB", "64MiB", "1.5g", "2Gi", "2.5TB"].map(parseSize)).toEqual([
    1,
    10_000,
    10_000,
    64 * 1024 ** 2,
    1.5e9,
    2 * 1024 ** 3,
    2.5e12,
  ]);
  for (const text of ["", "x", "-1", "1PB", "1e9", "NaN"]) expect(() => parseSize(text)).toThrow("no size");
});

test("kinds", () => {
  expect(parseKinds("1, 7,30000-39999")).toEqual([
    [1, 1],
    [7, 7],
    [30_000, 39_999],
  ]);
  for (const text of ["", "a", "1-", "-1", "1,,2"]) expect(() => parseKinds(text)).toThrow("no kind");
  expect(() => parseKinds("5-1")).toThrow("ends before it starts");
});

test("times are UTC unless they say otherwise", () => {
  expect(parseTime("1700000000")).toBe(1_700_000_000);
  expect(parseTime("2024-01-31")).toBe(Date.UTC(2024, 0, 31) / 1000);
  expect(parseTime("2024-01-31T12:00")).toBe(Date.UTC(2024, 0, 31, 12) / 1000);
  expect(parseTime("2024-01-31T12:00:00+02:00")).toBe(Date.UTC(2024, 0, 31, 10) / 1000);
  for (const text of ["", "yesterday", "31/01/2024", "2024-13-01"]) expect(() => parseTime(text)).toThrow("no time");
});
