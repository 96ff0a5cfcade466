import { addCounts, type Counts, emptyCounts, totalOf } from "../segment/counts.ts";
import { costOf } from "./cost.ts";
import { formatBytes, formatCount, formatDuration, formatMoney, formatShare } from "./format.ts";
import { machineHours } from "./history.ts";
import { type Html, html } from "./html.ts";
import type { ReportData } from "./page.ts";

interface Figure {
  name: string;
  value: string;
  note: string | null;
}

/** What became of all lines that were ever converted into the archive. */
export function countsOf({ manifest }: ReportData): Counts {
  return (manifest?.runs ?? []).map(({ counts }) => counts).reduce(addCounts, emptyCounts());
}

export function keyFigures(data: ReportData): Html {
  return html`<section class="figures"><dl>${figures(data).map(
    ({
      name,
      value,
      note,
    }) => html`<div><dt>${name}</dt><dd>${value}${note === null ? null : html`<small>${note}</small>`}</dd></div>
`,
  )}</dl></section>`;
}

function figures(data: ReportData): Figure[] {
  const { statistics, manifest, history, prices } = data;
  const { events, days, authors, kinds, indexBytes } = statistics;
  const bytes = days.reduce((sum, day) => sum + day.bytes, 0);
  const size = days.reduce((sum, day) => sum + day.size, 0);
  const counts = countsOf(data);
  const sessions = history.flatMap((run) => run.sessions);
  const cost = costOf(sessions, prices);
  const ofLines = (n: number) => (counts.lines === 0 ? null : `${formatShare(n / counts.lines)} of lines`);
  const found: (Figure | null)[] = [
    { name: "Events", value: formatCount(events), note: `by ${formatCount(authors)} authors` },
    { name: "Days", value: formatCount(days.length), note: `${formatCount(kinds.length)} kinds` },
    { name: "Daily files", value: formatBytes(bytes), note: `${formatBytes(size)} uncompressed` },
    {
      name: "Bytes an event",
      value: events === 0 ? "–" : formatCount(bytes / events),
      note: events === 0 ? null : `and ${formatCount(indexBytes / events)} in the index of ${formatBytes(indexBytes)}`,
    },
    manifest === null
      ? null
      : { name: "Duplicates", value: formatCount(counts.duplicates), note: ofLines(counts.duplicates) },
    manifest === null
      ? null
      : { name: "Rejected", value: formatCount(totalOf(counts.rejected)), note: ofLines(totalOf(counts.rejected)) },
    sessions.length === 0
      ? null
      : {
          name: "Machine time",
          value: formatDuration(machineHours(sessions) * 3_600_000),
          note: history.length === 1 ? "in one run" : `in ${formatCount(history.length)} runs`,
        },
    cost.total === null || sessions.length === 0
      ? null
      : { name: "Machines cost", value: formatMoney(cost.total, prices.currency), note: `prices of ${prices.date}` },
  ];
  return found.filter((figure) => figure !== null);
}
