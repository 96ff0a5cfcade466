import prettyBytes from "pretty-bytes";
import prettyMs from "pretty-ms";

/** `1,234,567` */
export function formatCount(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

/** `1.23 GB` (decimal units) */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes);
}

/** `1m 5s`; below a second `230ms` */
export function formatDuration(ms: number): string {
  return prettyMs(ms, ms < 1000 ? { millisecondsDecimalDigits: 0 } : { secondsDecimalDigits: ms < 10_000 ? 1 : 0 });
}

/** Tallies as `a 12, b 3`, the largest first. */
export function formatTallies(tallies: Partial<Record<string, number>>): string {
  return Object.entries(tallies)
    .sort(([, a = 0], [, b = 0]) => b - a)
    .map(([reason, n = 0]) => `${reason} ${formatCount(n)}`)
    .join(", ");
}
