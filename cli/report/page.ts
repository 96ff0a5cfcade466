import type { Prices } from "../dataset/prices.ts";
import type { Manifest } from "../run/manifest.ts";
import { contentSections } from "./content-sections.ts";
import { formatDay, formatTime } from "./format.ts";
import type { RunHistory } from "./history.ts";
import { type Html, html } from "./html.ts";
import { keyFigures } from "./key-figures.ts";
import { runSections } from "./run-sections.ts";
import type { Statistics } from "./statistics.ts";
import { STYLE } from "./style.ts";

/** All that a report is made from. */
export interface ReportData {
  /** Where the archive is. */
  place: string;
  made: Date;
  statistics: Statistics;
  /** Null when the archive has none. */
  manifest: Manifest | null;
  /** Empty without a log. */
  history: RunHistory[];
  prices: Prices;
}

/** Nothing may be loaded and nothing run: only the style sheet in the page counts. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The report as one page of HTML that needs nothing else. */
export function renderReport(data: ReportData): string {
  const { place, made, statistics } = data;
  const style: Html = { markup: STYLE };
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${place} – Proton Beam</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<p class="eyebrow">Proton Beam report</p>
<h1>${place}</h1>
<p class="soft">${periodOf(statistics)}</p>
</header>
${keyFigures(data)}
${contentSections(data)}
${runSections(data)}
<footer>Made ${formatTime(made.getTime())}. Days and times are in UTC.</footer>
</main>
</body>
</html>
`.markup;
}

/** From the first to the last event, in words. */
function periodOf({ first, last }: Statistics): string {
  if (first === null || last === null) return "No events";
  return `Events from ${formatDay(first * 1000)} to ${formatDay(last * 1000)}`;
}
