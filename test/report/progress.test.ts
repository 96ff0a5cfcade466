import { expect, jest, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readHistory } from "../../cli/report/history.ts";
import { createLog } from "../../cli/report/log.ts";
import { describePhase, emptyPhase, silentProgress } from "../../cli/report/progress.ts";
import { logProgress } from "../../cli/report/progress-log.ts";
import { temporaryFolder } from "../run/cli.ts";

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

test("the log gets the state of a phase at its start, every half minute and at its end", () => {
  using folder = temporaryFolder();
  const path = folder.join("log");
  const log = createLog(path, false).child({ session: "a" });
  jest.useFakeTimers();
  try {
    const progress = logProgress(silentProgress, log);
    const initial = emptyPhase("bytes", 100);
    const show = progress.phase("Reading", initial);
    for (let i = 1; i <= 70; i++) {
      show({ ...initial, done: i });
      jest.advanceTimersByTime(1000);
    }
    progress.phase("Writing", emptyPhase("days", 3));
    progress.end();
    jest.advanceTimersByTime(100_000);
  } finally {
    jest.useRealTimers();
  }
  const [{ current }] = readHistory(readFileSync(path, "utf8"));
  expect(current.points.map(({ phase, done }) => [phase, done])).toEqual([
    ["Reading", 0],
    ["Reading", 30],
    ["Reading", 60],
    ["Reading", 70],
    ["Writing", 0],
    ["Writing", 0],
  ]);
});
