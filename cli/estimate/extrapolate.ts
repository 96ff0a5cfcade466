import { SECONDS_PER_DAY } from "../event/date.ts";
import type { RejectReason } from "../event/reject.ts";
import { type SpaceNeed, spaceNeed } from "../plan/space.ts";
import { totalOf } from "../segment/counts.ts";
import type { Measured, PieceCounts } from "./measure.ts";
import type { Stratum } from "./sample.ts";

/** Bytes that a pubkey takes in the index, in its table and the index of that: measured, and the same for all. */
const PUBKEY_BYTES = 80;

/** A duplicate that a piece shows only seldom stands for at most so many. */
const MOST_WEIGHT = 10;
/** Duplicates across pieces below which nothing is made of them: so few may be chance. */
const ENOUGH_PAIRS = 20;
const MOST_DUPLICATES = 0.99;

/** 97.5th percentile of Student's t distribution for 1 to 7 degrees of freedom; for more, that of 7 is near enough. */
const STUDENT_T = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36];

/** A number, and how far off it may be: half of the 95% interval. Null when that cannot be said. */
export interface Estimate {
  value: number;
  plusMinus: number | null;
}

/** What is expected of the whole input. */
export interface Totals {
  /** JSON Lines, bytes. */
  bytes: number;
  sampledBytes: number;
  isWhole: boolean;
  lines: Estimate;
  /** Different events in the archive. */
  events: Estimate;
  rejected: Estimate;
  /** Lines that options leave out. */
  filtered: number;
  /** Lines that repeat an event, as far as a sample shows it. */
  duplicates: number;
  /** Rejected lines of the sample. */
  reasons: Partial<Record<RejectReason, number>>;
  /** Unix seconds of the earliest and latest events of the sample, and those between which 98% are. */
  times: { first: number; last: number; from: number; to: number } | null;
  /** Days that have events, about. */
  days: number;
  dailyBytes: number;
  indexBytes: number;
  disk: SpaceNeed;
}

/**
 * What the whole input gives if it is as the sample.
 * @param strata in the order of the pieces that were measured
 */
export function extrapolate(strata: Stratum[], measured: Measured): Totals {
  const { pieces, times } = measured;
  const groups = groupPieces(strata, pieces);
  const isWhole = strata.every((stratum) => stratum.isWhole);
  const of = (count: (piece: PieceCounts) => number) =>
    sumEstimates(groups.map((group) => estimateTotal(group, count)));
  const lines = of((piece) => piece.lines);
  const valid = of((piece) => piece.valid);
  const rejected = of((piece) => totalOf(piece.rejected));
  const filtered = of((piece) => piece.filtered).value;
  const bytes = sum(strata.map((stratum) => stratum.bytes));
  const sampledBytes = sum(pieces.map((piece) => piece.bytes));

  const duplicates = isWhole ? countDuplicates(pieces) : valid.value * duplicateShare(groups);
  // The share of duplicates is not known better than it shows; what is said of the events is that of the lines.
  const events = { value: valid.value - duplicates, plusMinus: valid.plusMinus };
  const sampled = times.length;
  const perEvent = (amount: number) => (sampled === 0 ? 0 : (amount / sampled) * events.value);
  const indexBytes = isWhole ? measured.indexBytes : indexSize(measured, events.value);
  const dailyBytes = perEvent(measured.dailyBytes);
  return {
    bytes,
    sampledBytes,
    isWhole,
    lines,
    events,
    rejected,
    filtered,
    duplicates,
    reasons: addReasons(pieces),
    times: timesOf(times),
    days: daysOf(times, isWhole),
    dailyBytes,
    indexBytes,
    disk: spaceNeed(perEvent(measured.segmentBytes), dailyBytes, events.value, indexBytes),
  };
}

interface Group {
  stratum: Stratum;
  pieces: PieceCounts[];
}

function groupPieces(strata: Stratum[], pieces: PieceCounts[]): Group[] {
  let at = 0;
  return strata.map((stratum) => {
    const from = at;
    at += stratum.pieces.length;
    return { stratum, pieces: pieces.slice(from, at) };
  });
}

/** The total of a count over a stratum by its ratio to the bytes (Cochran, "Sampling Techniques", ratio estimator of clusters). */
function estimateTotal({ stratum, pieces }: Group, count: (piece: PieceCounts) => number): Estimate {
  const sampled = sum(pieces.map((piece) => piece.bytes));
  if (stratum.isWhole || sampled === 0) return { value: sum(pieces.map(count)), plusMinus: 0 };
  const ratio = sum(pieces.map(count)) / sampled;
  const value = ratio * stratum.bytes;
  if (pieces.length < 2) return { value, plusMinus: null };
  const squares = sum(pieces.map((piece) => (count(piece) - ratio * piece.bytes) ** 2));
  const deviation = Math.sqrt((squares / (pieces.length - 1)) * pieces.length) / sampled;
  const unseen = Math.sqrt(Math.max(1 - sampled / stratum.bytes, 0));
  return {
    value,
    plusMinus: STUDENT_T[Math.min(pieces.length - 2, STUDENT_T.length - 1)] * deviation * unseen * stratum.bytes,
  };
}

function sumEstimates(parts: Estimate[]): Estimate {
  const deviations = parts.map(({ plusMinus }) => plusMinus);
  return {
    value: sum(parts.map(({ value }) => value)),
    plusMinus: deviations.every((deviation) => deviation !== null)
      ? Math.sqrt(sum(deviations.map((deviation) => deviation ** 2)))
      : null,
  };
}

function countDuplicates(pieces: PieceCounts[]): number {
  return sum(pieces.map((piece) => piece.repeatedAfter.length + piece.repeatedIn.length));
}

/**
 * The share of valid lines that repeat an event, from a sample. A piece of L lines shows of the repetitions after d lines
 * a share of (L - d) / L, so each that it shows stands for L / (L - d) (Horvitz and Thompson, 1952). Repetitions in another
 * piece show only when both happened to be read, so each stands for as much more as there is; but the beginnings of
 * streams are no chance: what is said of them holds for the rest.
 */
function duplicateShare(groups: Group[]): number {
  const all = groups.flatMap(({ stratum, pieces }) => pieces.map((piece) => ({ piece, stratum })));
  const valid = sum(all.map(({ piece }) => piece.valid));
  if (valid === 0) return 0;
  const near = sum(
    all.flatMap(({ piece: { valid: length, repeatedAfter } }) =>
      repeatedAfter.map((distance) => Math.min(length / (length - distance), MOST_WEIGHT)),
    ),
  );
  const pairs = all.flatMap(({ piece, stratum }) =>
    piece.repeatedIn.map((earlier) => Math.min(readShare(stratum), readShare(all[earlier].stratum))),
  );
  const certain = pairs.filter((share) => share === 1);
  const chances = pairs.filter((share) => share < 1);
  const far = chances.length < ENOUGH_PAIRS ? 0 : sum(chances.map((share) => 1 / share));
  return Math.min((near + certain.length + far) / valid, MOST_DUPLICATES);
}

/** How likely it is that a given line of a stratum was read; 1 when that was no chance. */
function readShare({ isSpread, bytes, pieces }: Stratum): number {
  return isSpread ? sum(pieces.map((piece) => piece.bytes)) / bytes : 1;
}

/** Events take the same each; new pubkeys get rarer, as a power of the number of events (Heaps' law). */
function indexSize({ indexBytes, pubkeys }: Measured, events: number): number {
  const sampled = pubkeys.length;
  if (sampled === 0) return indexBytes;
  const known = pubkeys[sampled - 1];
  const half = pubkeys[sampled >> 1];
  const growth = Math.min(Math.max(Math.log2(known / half), 0), 1);
  const expected = known * (events / sampled) ** growth;
  return ((indexBytes - known * PUBKEY_BYTES) / sampled) * events + expected * PUBKEY_BYTES;
}

function timesOf(times: number[]): Totals["times"] {
  if (times.length === 0) return null;
  const at = (share: number) => times[Math.round((times.length - 1) * share)];
  return { first: at(0), last: at(1), from: at(0.01), to: at(0.99) };
}

function daysOf(times: number[], isWhole: boolean): number {
  const seen = new Set(times.map((time) => Math.floor(time / SECONDS_PER_DAY))).size;
  const range = timesOf(times);
  if (isWhole || range === null) return seen;
  return Math.max(seen, Math.ceil((range.to - range.from) / SECONDS_PER_DAY));
}

function addReasons(pieces: PieceCounts[]): Partial<Record<RejectReason, number>> {
  const reasons: Partial<Record<string, number>> = {};
  for (const { rejected } of pieces)
    for (const [reason, n = 0] of Object.entries(rejected)) reasons[reason] = (reasons[reason] ?? 0) + n;
  return reasons;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
