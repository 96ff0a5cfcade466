import { appendFileSync } from "node:fs";
import { METRICS_NAMESPACE } from "../dataset/names.ts";
import { errorMessage } from "../errors.ts";
import { readTraffic, type Traffic } from "../net/traffic.ts";
import type { Logger } from "./log.ts";
import type { StatusReport } from "./status.ts";

const INTERVAL_MS = 60_000;
/** Rates are over a second at least: what is done just after a record would else look like a burst. */
const LEAST_SECONDS = 1;
const LONGEST_DIMENSION = 1024;

/** The metrics and their units (CloudWatch API Reference, "MetricDatum"). */
export const METRIC_UNITS = {
  EventsPerSecond: "Count/Second",
  BytesPerSecond: "Bytes/Second",
  Events: "Count",
  Bytes: "Bytes",
  Rejected: "Count",
  Retries: "Count",
  DaysWritten: "Count",
  Work: "Count",
} as const;

/** What the phases of a run count. What an interrupted run had made is left out, because that run counted it. */
export interface Counted {
  /** Content of inputs that was converted. */
  bytes: number;
  rejected: number;
  /** Events that were read, and events that were merged. */
  handled: number;
  /** New events in finished daily files. */
  events: number;
  days: number;
  /** Chunks, days and parts of the index that were dealt with, those included that were there already. */
  steps: number;
}

/** All that a run has done since its start, in all threads. */
export interface Totals extends Counted {
  retries: number;
  /** Bytes of files received and sent. */
  moved: number;
}

/** Adds up what a run does. */
export interface Meter {
  count(more: Partial<Counted>): void;
  totals(): Totals;
}

const NOTHING: Counted = { bytes: 0, rejected: 0, handled: 0, events: 0, days: 0, steps: 0 };

export function createMeter(traffic: Traffic): Meter {
  const counted = { ...NOTHING };
  const names = Object.keys(counted) as (keyof Counted)[];
  return {
    count: (more) => {
      for (const name of names) counted[name] += more[name] ?? 0;
    },
    totals: () => ({ ...counted, ...readTraffic(traffic) }),
  };
}

/** What a record is about. `phase` and `state` are only for reading: no metrics. */
export interface MetricsSubject {
  dataset: string;
  phase: string | null;
  state: string;
}

/**
 * A record in the embedded metric format (CloudWatch User Guide, "Specification: Embedded metric format"): the rates
 * between two totals, and by how much each count has grown, so that sums over records are right. Work grows with all
 * that is done in any phase: it is there to see whether a run stands still.
 * @param seconds between the totals
 */
export function metricsRecord(
  { dataset, phase, state }: MetricsSubject,
  before: Totals,
  now: Totals,
  seconds: number,
  time: Date,
) {
  const grown = (name: keyof Totals) => now[name] - before[name];
  const perSecond = (name: keyof Totals) => grown(name) / Math.max(seconds, LEAST_SECONDS);
  const values: Record<keyof typeof METRIC_UNITS, number> = {
    EventsPerSecond: perSecond("handled"),
    BytesPerSecond: perSecond("bytes"),
    Events: grown("events"),
    Bytes: grown("bytes"),
    Rejected: grown("rejected"),
    Retries: grown("retries"),
    DaysWritten: grown("days"),
    Work: grown("bytes") + grown("moved") + grown("steps"),
  };
  const Metrics = Object.entries(METRIC_UNITS).map(([Name, Unit]) => ({ Name, Unit }));
  return {
    _aws: {
      Timestamp: time.getTime(),
      CloudWatchMetrics: [{ Namespace: METRICS_NAMESPACE, Dimensions: [["Dataset"]], Metrics }],
    },
    Dataset: dimensionValue(dataset),
    Phase: phase,
    State: state,
    ...values,
  };
}

/** Dimensions are printable ASCII, and not endless (CloudWatch API Reference, "Dimension"). */
function dimensionValue(text: string): string {
  return text.replaceAll(/[^ -~]/g, "_").slice(0, LONGEST_DIMENSION);
}

export interface MetricsFile {
  path: string;
  /** Names the run among others. */
  dataset: string;
  meter: Meter;
  status: StatusReport;
  log: Logger;
}

/**
 * Appends a record to a file every minute. Once it cannot, this is logged, and the next record that can be written
 * carries what was missed.
 * @returns appends the last record; to be called when the run has ended
 */
export function startMetrics({ path, dataset, meter, status, log }: MetricsFile): () => void {
  let before: Totals = { ...NOTHING, retries: 0, moved: 0 };
  let since = performance.now();
  let hasFailed = false;

  const append = () => {
    const now = meter.totals();
    const at = performance.now();
    const { state, phase } = status();
    const subject = { dataset, state, phase: phase?.name ?? null };
    const record = metricsRecord(subject, before, now, (at - since) / 1000, new Date());
    try {
      appendFileSync(path, `${JSON.stringify(record)}\n`);
    } catch (error) {
      if (!hasFailed) log.warn({ err: error, path }, `metrics cannot be written: ${errorMessage(error)}`);
      hasFailed = true;
      return;
    }
    before = now;
    since = at;
  };
  const timer = setInterval(append, INTERVAL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    append();
  };
}
