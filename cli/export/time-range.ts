import { dayOf, parseDayName, SECONDS_PER_DAY } from "../event/date.ts";

/** Unix seconds, both included; null is without limit. */
export interface TimeRange {
  since: number | null;
  until: number | null;
}

/**
 * `2024-01-01..2024-01-31`, both included, or one day → the times of these days (UTC)
 * @throws {Error} whose message says what is accepted
 */
export function parseDays(text: string): { since: number; until: number } {
  const [first = "", last = first, ...more] = text.split("..");
  const [from, to] = [first, last].map((day) => parseDayName(day.replaceAll("-", "_")));
  if (from === null || to === null || more.length > 0)
    throw new Error(`"${text}" is no range of days; write 2024-01-31 or 2024-01-01..2024-01-31`);
  if (to < from) throw new Error(`"${text}" ends before it starts`);
  return { since: from * SECONDS_PER_DAY, until: (to + 1) * SECONDS_PER_DAY - 1 };
}

/** Whether the daily file of that name may hold events of the range. */
export function isDayInRange(path: string, { since, until }: TimeRange): boolean {
  const day = dayOfPath(path);
  return day !== null && (since === null || day >= dayOf(since)) && (until === null || day <= dayOf(until));
}

/** Whether all events of the daily file of that name are of the range. */
export function isDayWithin(path: string, { since, until }: TimeRange): boolean {
  const day = dayOfPath(path);
  return (
    day !== null &&
    (since === null || day * SECONDS_PER_DAY >= since) &&
    (until === null || (day + 1) * SECONDS_PER_DAY - 1 <= until)
  );
}

function dayOfPath(path: string): number | null {
  return parseDayName(path.slice(0, "YYYY_MM_DD".length));
}

export function isInRange(createdAt: number, { since, until }: TimeRange): boolean {
  return (since === null || createdAt >= since) && (until === null || createdAt <= until);
}
