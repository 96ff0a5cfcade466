import { npubEncode } from "nostr-tools/nip19";
import { parseDayName } from "../event/date.ts";
import { type BinnedDays, binDays } from "./bins.ts";
import { barChart, dayTicks, tableBar } from "./charts.ts";
import { formatBytes, formatCount, formatDay, formatShare, formatShort } from "./format.ts";
import { type Html, html } from "./html.ts";
import { kindName } from "./kinds.ts";
import type { ReportData } from "./page.ts";
import type { Statistics } from "./statistics.ts";

const TOP_KINDS = 20;
const DAY_MS = 86_400_000;
const DAY_NAME_LENGTH = 10;

/** What is in the archive. */
export function contentSections({ statistics, manifest }: ReportData): Html {
  if (statistics.events === 0) return html``;
  return html`${overTime(statistics)}
<div class="columns">${kinds(statistics)}
${authors(statistics)}</div>
${files(statistics, new Map(manifest?.files.map(({ path, sha256 }) => [path, sha256])))}`;
}

function overTime({ days }: Statistics): Html {
  const figures = days.flatMap(({ path, events, bytes }) => {
    const day = parseDayName(path.slice(0, DAY_NAME_LENGTH));
    return day === null ? [] : [{ day, events, bytes }];
  });
  const binned = binDays(figures);
  const { outside, unit } = binned;
  return html`<section>
<h2>Over time</h2>
${timeChart(binned, `Events a ${unit}`, "events", formatCount, formatShort, "main")}
${timeChart(binned, `Compressed bytes a ${unit}`, "bytes", formatBytes, formatBytes, "second")}
${
  outside.days === 0
    ? null
    : html`<p class="soft">Left out: ${formatCount(outside.events)} events on ${formatCount(outside.days)} days far from all others, see the table of files.</p>`
}
</section>`;
}

function timeChart(
  { bins, from, to }: BinnedDays,
  title: string,
  name: "events" | "bytes",
  format: (n: number) => string,
  formatValue: (n: number) => string,
  series: string,
): Html {
  const bars = bins.map((bin) => ({
    from: bin.day,
    to: bin.end,
    value: bin[name],
    title: `${describeDays(bin.day, bin.end)}: ${format(bin[name])}`,
    series,
  }));
  return barChart({ title, from, to, bars, marks: [], xTicks: dayTicks(from, to), formatValue, legend: [] });
}

function describeDays(day: number, end: number): string {
  const first = formatDay(day * DAY_MS);
  return end === day + 1 ? first : `${first} to ${formatDay((end - 1) * DAY_MS)}`;
}

function kinds({ kinds, events }: Statistics): Html {
  const top = kinds.slice(0, TOP_KINDS);
  const rest = kinds.slice(TOP_KINDS);
  const restEvents = rest.reduce((sum, kind) => sum + kind.events, 0);
  const most = Math.max(top[0].events, restEvents);
  const row = (kind: string | number, name: string, count: number) =>
    html`<tr><td class="n">${kind}</td><td class="any">${name}</td>${tableBar(count / most)}<td class="n">${formatCount(count)}</td><td class="n">${formatShare(count / events)}</td></tr>
`;
  return html`<section>
<h2>Kinds</h2>
<div class="scroll"><table><thead><tr><th class="n">Kind</th><th>Name</th><th></th><th class="n">Events</th><th class="n">Share</th></tr></thead><tbody>
${top.map(({ kind, events }) => row(kind, kindName(kind), events))}
${rest.length === 0 ? null : row("", `${formatCount(rest.length)} more kinds`, restEvents)}
</tbody></table></div>
</section>`;
}

function authors({ topAuthors, authors, events }: Statistics): Html {
  return html`<section>
<h2>Authors</h2>
<div class="scroll"><table><thead><tr><th>Most events, of ${formatCount(authors)} authors</th><th class="n">Events</th><th class="n">Share</th></tr></thead><tbody>
${topAuthors.map(
  ({ pubkey, events: count }) =>
    html`<tr><td class="id">${npubEncode(pubkey)}</td><td class="n">${formatCount(count)}</td><td class="n">${formatShare(count / events)}</td></tr>
`,
)}
</tbody></table></div>
</section>`;
}

function files({ days }: Statistics, digests: Map<string, string>): Html {
  return html`<section class="long">
<h2>Daily files</h2>
<details><summary>${formatCount(days.length)} files</summary>
<div class="scroll"><table><thead><tr><th>File</th><th class="n">Events</th><th class="n">Bytes</th><th class="n">An event</th><th>SHA-256</th></tr></thead><tbody>
${days.map(
  ({ path, events, bytes }) =>
    html`<tr><td>${path}</td><td class="n">${formatCount(events)}</td><td class="n">${formatCount(bytes)}</td><td class="n">${formatCount(bytes / events)}</td><td class="id">${digests.get(path) ?? ""}</td></tr>
`,
)}
</tbody></table></div>
</details>
</section>`;
}
