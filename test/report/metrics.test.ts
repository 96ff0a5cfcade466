import { expect, jest, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { countMoved, countRetry, createTraffic } from "../../cli/net/traffic.ts";
import { createLog } from "../../cli/report/log.ts";
import { createMeter, type MetricsSubject, metricsRecord, startMetrics } from "../../cli/report/metrics.ts";
import { silentProgress } from "../../cli/report/progress.ts";
import { createStatus } from "../../cli/report/status.ts";
import { temporaryFolder } from "../run/cli.ts";

/** What the specification demands of a document. */
const documentSchema = z.looseObject({
  _aws: z.strictObject({
    Timestamp: z.number().int(),
    CloudWatchMetrics: z.array(
      z.strictObject({
        Namespace: z.string().min(1).max(1024),
        Dimensions: z.array(z.array(z.string().min(1).max(250)).max(30)).min(1),
        Metrics: z
          .array(
            z.strictObject({
              Name: z.string().min(1).max(1024),
              Unit: z.enum(["Seconds", "Bytes", "Percent", "Count", "Bytes/Second", "Count/Second", "None"]),
            }),
          )
          .max(100),
      }),
    ),
  }),
});
const dimensionSchema = z
  .string()
  .max(1024)
  .regex(/^[ -~]*[!-~][ -~]*$/);

const subject: MetricsSubject = { dataset: "relays", phase: "Reading", state: "running" };
const time = new Date("2024-05-06T07:08:09.123Z");

test("a record is what the specification demands, with a value for each metric and dimension", () => {
  const now = createMeter(createTraffic()).totals();
  const document = documentSchema.parse(JSON.parse(JSON.stringify(metricsRecord(subject, now, now, 60, time))));
  expect(document._aws.Timestamp).toBe(1714979289123);
  for (const { Namespace, Dimensions, Metrics } of document._aws.CloudWatchMetrics) {
    expect(Namespace).toBe("ProtonBeam");
    expect(Dimensions).toEqual([["Dataset"]]);
    for (const { Name } of Metrics) expect(z.number().safeParse(document[Name]).success).toBe(true);
    const names = Metrics.map(({ Name }) => Name);
    expect(Object.keys(document).sort()).toEqual(["Dataset", "Phase", "State", "_aws", ...names].sort());
  }
  expect(document).toMatchObject({ Dataset: "relays", Phase: "Reading", State: "running" });
});

test("counts are what came since the record before, rates are by its time, and all that was done is work", () => {
  const traffic = createTraffic();
  const meter = createMeter(traffic);
  meter.count({ bytes: 1000, rejected: 1, handled: 10, events: 8, days: 1, steps: 2 });
  countRetry(traffic);
  countMoved(traffic, 5000);
  const before = meter.totals();
  meter.count({ bytes: 600, rejected: 3, handled: 30, steps: 4 });
  meter.count({ events: 20, days: 2, handled: 60 });
  for (let i = 0; i < 7; i++) countRetry(traffic);
  countMoved(traffic, 5_000_000_000);
  expect(metricsRecord(subject, before, meter.totals(), 30, time)).toMatchObject({
    EventsPerSecond: 3,
    BytesPerSecond: 20,
    Events: 20,
    Bytes: 600,
    Rejected: 3,
    Retries: 7,
    DaysWritten: 2,
    Work: 600 + 5_000_000_000 + 4,
  });
  const still = metricsRecord(subject, meter.totals(), meter.totals(), 30, time);
  expect([still.Work, still.Retries, still.EventsPerSecond]).toEqual([0, 0, 0]);
});

test("the last record, soon after the one before, shows no burst", () => {
  const meter = createMeter(createTraffic());
  const before = meter.totals();
  meter.count({ bytes: 500, handled: 50 });
  expect(metricsRecord(subject, before, meter.totals(), 0, time)).toMatchObject({
    EventsPerSecond: 50,
    BytesPerSecond: 500,
  });
});

test("any place makes a dimension", () => {
  const now = createMeter(createTraffic()).totals();
  for (const dataset of ["s3://archives/nostr/", "/srv/Füße/日本\n", "x".repeat(3000)]) {
    const { Dataset } = metricsRecord({ ...subject, dataset }, now, now, 60, time);
    expect(dimensionSchema.parse(Dataset).slice(0, 4)).toBe(dataset.slice(0, 4));
  }
});

/** Metrics of a run in a folder that is not there yet. */
function start(folder: string) {
  const path = `${folder}/metrics/metrics.jsonl`;
  const logPath = `${folder}/log`;
  const meter = createMeter(createTraffic());
  const status = createStatus(silentProgress, { version: "0", session: "s" });
  const end = startMetrics({
    path,
    dataset: "relays",
    meter,
    status: status.report,
    log: createLog(logPath, false),
  });
  const lines = (file: string) =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  return { meter, status, end, path, records: () => lines(path), logged: () => lines(logPath) };
}

test("there is a record every minute and one at the end, with phase and state", () => {
  using folder = temporaryFolder();
  jest.useFakeTimers();
  try {
    const { meter, status, end, path, records } = start(folder.path);
    mkdirSync(dirname(path));
    jest.advanceTimersByTime(60_000);
    status.progress.phase("Reading", {
      unit: "bytes",
      done: 0,
      reused: 0,
      total: 9,
      events: 0,
      reusedEvents: 0,
      rejected: 0,
    });
    meter.count({ bytes: 5 });
    jest.advanceTimersByTime(119_000);
    meter.count({ bytes: 4 });
    status.note("interrupted");
    end();
    jest.advanceTimersByTime(600_000);
    expect(records().map(({ Bytes, Phase, State }) => [Bytes, Phase, State])).toEqual([
      [0, null, "running"],
      [5, "Reading", "running"],
      [4, "Reading", "interrupted"],
    ]);
  } finally {
    jest.useRealTimers();
  }
});

test("a file that cannot be written is logged once, and what it missed is in the next record", () => {
  using folder = temporaryFolder();
  jest.useFakeTimers();
  try {
    const { meter, end, path, records, logged } = start(folder.path);
    meter.count({ bytes: 5 });
    jest.advanceTimersByTime(180_000);
    expect(logged().map(({ msg }) => msg)).toEqual([expect.stringContaining("metrics cannot be written: ENOENT")]);
    mkdirSync(dirname(path));
    meter.count({ bytes: 4 });
    end();
    expect(records().map(({ Bytes }) => Bytes)).toEqual([9]);
    expect(logged()).toHaveLength(1);
  } finally {
    jest.useRealTimers();
  }
});
