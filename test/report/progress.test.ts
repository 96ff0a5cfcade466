import { expect, test } from "bun:test";
import { describePhase, emptyPhase } from "../../cli/report/progress.ts";

test("a phase shows its share, rate, rejects and remaining time", () => {
  const state = { ...emptyPhase("bytes", 10e9), done: 5e9, events: 3_000_000, rejected: 12 };
  const line = describePhase("Reading", state, 60_000);
  expect(line).toContain("50%");
  expect(line).toContain("5 GB of 10 GB");
  expect(line).toContain("50,000 events/s");
  expect(line).toContain("12 rejected");
  expect(line).toContain("ETA 1m");
});

test("what an earlier run made does not count for the speed", () => {
  const state = { ...emptyPhase("bytes", 10e9), done: 6e9, reused: 4e9, events: 3_000_000, reusedEvents: 2_000_000 };
  const line = describePhase("Reading", state, 100_000);
  expect(line).toContain("10,000 events/s");
  expect(line).toContain("ETA 3m 20s");
});

test("a stream has neither share nor remaining time", () => {
  const line = describePhase("Reading", { ...emptyPhase("bytes", null), done: 1e6 }, 2000);
  expect(line).not.toMatch(/%|ETA/);
  expect(line).toContain("1 MB");
});
