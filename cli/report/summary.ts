import type { ConvertSummary } from "../run/convert.ts";
import { totalOf } from "../segment/counts.ts";
import { formatArchive, formatBytes, formatCount, formatDuration, formatRows, formatTallies } from "./format.ts";

/** What a run did, for a person. */
export function describeSummary(summary: ConvertSummary): string {
  const { counts, archive, reused, skippedInputs, seconds } = summary;
  const rows: [string, string][] = [];
  if (skippedInputs > 0) rows.push(["skipped", `${formatCount(skippedInputs)} inputs that the archive has already`]);
  if (counts.lines > 0) {
    const rate = seconds > 0 ? ` (${formatCount(counts.lines / seconds)}/s)` : "";
    rows.push([
      "lines",
      `${formatCount(counts.lines)} in ${formatBytes(counts.bytes)}, ${formatDuration(seconds * 1000)}${rate}`,
    ]);
    rows.push(["events", `${formatCount(counts.events)} new`]);
    rows.push(["duplicates", formatCount(counts.duplicates)]);
    rows.push(["rejected", withReasons(counts.rejected)]);
    rows.push(["filtered", withReasons(counts.filtered)]);
    rows.push(["signatures", summary.signatures ?? "not checked (--validate-signatures)"]);
  }
  if (reused.segments > 0)
    rows.push(["resumed", `${formatCount(reused.segments)} chunks and ${formatCount(reused.days)} days were ready`]);
  rows.push(["archive", formatArchive(archive)]);
  rows.push(["in", summary.place]);
  return formatRows(rows);
}

function withReasons(tallies: Partial<Record<string, number>>): string {
  const total = totalOf(tallies);
  return total === 0 ? "0" : `${formatCount(total)}: ${formatTallies(tallies)}`;
}
