export const SECONDS_PER_DAY = 86_400;

/** First and last second of the four-digit years, UTC. */
export const EARLIEST = Date.parse("0000-01-01T00:00:00Z") / 1000;
export const LATEST = Date.parse("9999-12-31T23:59:59Z") / 1000;

/** Whether a Unix time in seconds falls in a year that four digits can write. */
export function hasFourDigitYear(createdAt: number): boolean {
  return createdAt >= EARLIEST && createdAt <= LATEST;
}

/** The UTC day of a Unix time, as days since 1970-01-01 (negative before). */
export function dayOf(createdAt: number): number {
  return Math.floor(createdAt / SECONDS_PER_DAY);
}

/** `YYYY_MM_DD`, the name of a day in file names. */
export function dayName(day: number): string {
  return new Date(day * SECONDS_PER_DAY * 1000).toISOString().slice(0, 10).replaceAll("-", "_");
}

/** The day of a name made by {@link dayName}, or null when the text is none. */
export function parseDayName(name: string): number | null {
  if (!/^\d{4}_\d{2}_\d{2}$/.test(name)) return null;
  const ms = Date.parse(`${name.replaceAll("_", "-")}T00:00:00Z`);
  if (Number.isNaN(ms)) return null;
  const day = ms / 1000 / SECONDS_PER_DAY;
  // 31 February is not 2 March.
  return dayName(day) === name ? day : null;
}
