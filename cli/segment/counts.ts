import { z } from "zod";
import { REJECT_REASONS, type RejectReason } from "../event/reject.ts";
import type { FilterReason } from "./filter.ts";

const count = z.number().int().nonnegative();
const rejectReason = z.enum(Object.keys(REJECT_REASONS) as [RejectReason, ...RejectReason[]]);
const filterReason = z.enum(["kinds", "since", "until"]);

/**
 * What became of the lines of some input. Always: lines = events + duplicates + rejected + filtered.
 * Blank lines are counted beside, not among the lines.
 */
export const countsSchema = z.object({
  bytes: count,
  lines: count,
  blank: count,
  events: count,
  duplicates: count,
  rejected: z.partialRecord(rejectReason, count),
  filtered: z.partialRecord(filterReason, count),
});
export type Counts = z.infer<typeof countsSchema>;

export function emptyCounts(): Counts {
  return { bytes: 0, lines: 0, blank: 0, events: 0, duplicates: 0, rejected: {}, filtered: {} };
}

/** The counts of both inputs together. */
export function addCounts(a: Counts, b: Counts): Counts {
  return {
    bytes: a.bytes + b.bytes,
    lines: a.lines + b.lines,
    blank: a.blank + b.blank,
    events: a.events + b.events,
    duplicates: a.duplicates + b.duplicates,
    rejected: addTallies<RejectReason>(a.rejected, b.rejected),
    filtered: addTallies<FilterReason>(a.filtered, b.filtered),
  };
}

/** Adds one to the tally of `reason`. */
export function tally<K extends string>(tallies: Partial<Record<K, number>>, reason: K): void {
  tallies[reason] = (tallies[reason] ?? 0) + 1;
}

/** The sum over all reasons. */
export function totalOf(tallies: Partial<Record<string, number>>): number {
  return Object.values(tallies).reduce<number>((sum, n) => sum + (n ?? 0), 0);
}

function addTallies<K extends string>(a: Partial<Record<K, number>>, b: Partial<Record<K, number>>) {
  const sum: Partial<Record<K, number>> = { ...a };
  for (const reason of Object.keys(b) as K[]) sum[reason] = (sum[reason] ?? 0) + (b[reason] ?? 0);
  return sum;
}
