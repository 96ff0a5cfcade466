import prettyBytes from "pretty-bytes";
import prettyMs from "pretty-ms";

/** `1,234,567` */
export function formatCount(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** `1.2M` */
export function formatShort(n: number): string {
  return compact.format(n);
}

/** `12.3%`; what is little is `<0.1%` */
export function formatShare(share: number): string {
  return share > 0 && share < 0.001 ? "<0.1%" : `${(share * 100).toFixed(1)}%`;
}

/** `$1.23`; below a cent `<$0.01` */
export function formatMoney(amount: number, currency: string): string {
  const format = new Intl.NumberFormat("en-US", { style: "currency", currency });
  return amount > 0 && amount < 0.01 ? `<${format.format(0.01)}` : format.format(amount);
}

/** `2024-01-31` of milliseconds since 1970 */
export function formatDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** `2024-01-31 12:00 UTC` of milliseconds since 1970 */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** `1.23 GB` (decimal units) */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes);
}

/** `1m 5s`; below a second `230ms` */
export function formatDuration(ms: number): string {
  return prettyMs(ms, ms < 1000 ? { millisecondsDecimalDigits: 0 } : { secondsDecimalDigits: ms < 10_000 ? 1 : 0 });
}

/** `1 day`, `1,234 days` */
export function formatDays(n: number): string {
  return `${formatCount(n)} ${n === 1 ? "day" : "days"}`;
}

/** `1,234 events, 5 days, 1.23 MB` */
export function formatArchive({ events, days, bytes }: { events: number; days: number; bytes: number }): string {
  return `${formatCount(events)} events, ${formatDays(days)}, ${formatBytes(bytes)}`;
}

const LABEL_WIDTH = 10;

/** A line for each label and its text, the texts below each other. */
export function formatRows(rows: string[][]): string {
  return rows.map(([label, text]) => `${label.padEnd(LABEL_WIDTH)}  ${text}\n`).join("");
}

/** Tallies as `a 12, b 3`, the largest first. */
export function formatTallies(tallies: Partial<Record<string, number>>): string {
  return Object.entries(tallies)
    .sort(([, a = 0], [, b = 0]) => b - a)
    .map(([reason, n = 0]) => `${reason} ${formatCount(n)}`)
    .join(", ");
}
