import { SECONDS_PER_DAY } from "../event/date.ts";

/** What there is of one day. `day` counts from 1970-01-01. */
export interface DayFigures {
  day: number;
  events: number;
  bytes: number;
}

/** Neighbouring days taken together: from `day` up to, not including, `end`. */
export interface Bin extends DayFigures {
  end: number;
}

export interface BinnedDays {
  unit: "day" | "week" | "month" | "year";
  bins: Bin[];
  /** The days that the bins cover, the end not included. */
  from: number;
  to: number;
  /** Days that lie so far from all others that they are left out. */
  outside: { days: number; events: number };
}

/** Bars that a chart still shows well. */
const MOST_BINS = 370;
const UNITS = [
  { unit: "day", days: 1 },
  { unit: "week", days: 7 },
  { unit: "month", days: 30.4 },
] as const;

/** Share of events at each end that may be left out when that makes the period much shorter: events with odd times. */
const TAIL = 0.001;
const MUCH_SHORTER = 2;

/** Divides days, which ascend, into days, weeks, months or years, so that a chart can show them. */
export function binDays(days: DayFigures[]): BinnedDays {
  const shown = withoutTails(days);
  if (shown.length === 0) return { unit: "day", bins: [], from: 0, to: 0, outside: { days: 0, events: 0 } };
  const [first, last] = [shown[0].day, shown[shown.length - 1].day];
  const unit = UNITS.find((unit) => (last - first + 1) / unit.days <= MOST_BINS)?.unit ?? "year";
  const bins: Bin[] = [];
  for (const { day, events, bytes } of shown) {
    const bin = bins.at(-1);
    if (bin !== undefined && day < bin.end) {
      bin.events += events;
      bin.bytes += bytes;
    } else bins.push({ ...boundsOf(unit, day), events, bytes });
  }
  return {
    unit,
    bins,
    from: bins[0].day,
    to: bins[bins.length - 1].end,
    outside: { days: days.length - shown.length, events: eventsOf(days) - eventsOf(shown) },
  };
}

function withoutTails(days: DayFigures[]): DayFigures[] {
  const total = eventsOf(days);
  let before = 0;
  const core = days.filter(({ events }) => {
    const after = before + events;
    const isCore = after > total * TAIL && before < total * (1 - TAIL);
    before = after;
    return isCore;
  });
  return spanOf(core) * MUCH_SHORTER < spanOf(days) ? core : days;
}

function eventsOf(days: DayFigures[]): number {
  return days.reduce((sum, { events }) => sum + events, 0);
}

function spanOf(days: DayFigures[]): number {
  return days.length === 0 ? 0 : days[days.length - 1].day - days[0].day + 1;
}

function boundsOf(unit: BinnedDays["unit"], day: number): { day: number; end: number } {
  if (unit === "day") return { day, end: day + 1 };
  if (unit === "week") {
    // Weeks begin on Mondays (ISO 8601); 1970-01-01 was a Thursday.
    const monday = day - ((((day + 3) % 7) + 7) % 7);
    return { day: monday, end: monday + 7 };
  }
  const date = new Date(day * SECONDS_PER_DAY * 1000);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return unit === "month"
    ? { day: firstOfMonth(year, month), end: firstOfMonth(year, month + 1) }
    : { day: firstOfMonth(year, 0), end: firstOfMonth(year + 1, 0) };
}

function firstOfMonth(year: number, month: number): number {
  const date = new Date(0);
  // Date.UTC takes the years 0 to 99 for those of the last century.
  date.setUTCFullYear(year, month, 1);
  return date.getTime() / (SECONDS_PER_DAY * 1000);
}
