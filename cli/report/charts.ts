import { scaleLinear, scaleUtc } from "d3-scale";
import { type Html, html } from "./html.ts";

/** A chart is drawn in these units and stretched to its place; text is beside it, so that it keeps its size. */
const WIDTH = 1000;
const HEIGHT = 100;
/** Where the strip of the series is, below the bars. */
const STRIP: [number, number] = [HEIGHT + 1.5, HEIGHT + 4.5];
const Y_TICKS = 4;
const X_TICKS = 6;
/** Share of the width that is too near to an end to have a label centred on it. */
const EDGE = 0.06;

/** A bar from `from` to `to` on the x axis. */
export interface Bar {
  from: number;
  to: number;
  value: number;
  /** What it says when it is pointed at. */
  title: string;
  /** A class of the style sheet. */
  series: string;
}

/** A place on the x axis where something happened. */
export interface Mark {
  at: number;
  title: string;
}

export interface Tick {
  at: number;
  label: string;
}

export interface BarChart {
  title: string;
  from: number;
  to: number;
  bars: Bar[];
  marks: Mark[];
  xTicks: Tick[];
  formatValue: (value: number) => string;
  legend: { series: string; label: string }[];
}

/** Bars over an axis. Every second label gives way on narrow screens. With a legend, a strip below shows the series. */
export function barChart({ title, from, to, bars, marks, xTicks, formatValue, legend }: BarChart): Html {
  const x = roundedScale([from, to], [0, WIDTH]);
  const largest = Math.max(...bars.map(({ value }) => value), 1);
  const scale = scaleLinear([0, largest], [HEIGHT, 0]).nice(Y_TICKS);
  const y = (value: number) => rounded(scale(value));
  const lines = scale.ticks(Y_TICKS);
  const bar = ({ series, title, from, to }: Bar, top: number, bottom: number) =>
    html`<rect class="${series}" x="${x(from)}" width="${rounded(x(to) - x(from))}" y="${top}" height="${rounded(bottom - top)}"><title>${title}</title></rect>
`;
  return html`<figure class="chart">
<figcaption>${title}</figcaption>
<div class="plot">
<div class="y">${lines.map((value) => html`<span style="top:${y(value)}%">${formatValue(value)}</span>`)}</div>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${title}">
${lines.map((value) => html`<line class="grid" x1="0" x2="${WIDTH}" y1="${y(value)}" y2="${y(value)}"/>`)}
${bars.map((each) => bar(each, y(each.value), HEIGHT))}
${legend.length === 0 ? null : bars.map((each) => bar(each, ...STRIP))}
${marks.map(({ at, title }) => html`<line class="mark" x1="${x(at)}" x2="${x(at)}" y1="0" y2="${STRIP[1]}"><title>${title}</title></line>`)}
</svg>
<div class="x">${xTicks.map((tick, i) => xLabel(tick, i, x(tick.at) / WIDTH))}</div>
</div>
${legend.length === 0 ? null : legendOf(legend, marks)}
</figure>
`;
}

/** @param share of the width at which the label is; at the ends it must not stand out */
function xLabel({ label }: Tick, i: number, share: number): Html {
  const place = share < EDGE ? "first" : share > 1 - EDGE ? "last" : "";
  return html`<span class="${place} ${i % 2 === 0 ? "" : "minor"}" style="left:${rounded(share * 100)}%">${label}</span>`;
}

function roundedScale(domain: [number, number], range: [number, number]): (value: number) => number {
  const scale = scaleLinear(domain, range);
  return (value) => rounded(scale(value));
}

function legendOf(legend: BarChart["legend"], marks: Mark[]): Html {
  const entries = marks.length === 0 ? legend : [...legend, { series: "mark", label: "interruption" }];
  return html`<p class="legend">${entries.map(({ series, label }) => html`<span><i class="${series}"></i>${label}</span> `)}</p>`;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

const DAY_MS = 86_400_000;

/** Where an axis of days has labels, and which: days, months or years. `from` and `to` count from 1970-01-01. */
export function dayTicks(from: number, to: number): Tick[] {
  const span = to - from;
  const dates = scaleUtc([new Date(from * DAY_MS), new Date(to * DAY_MS)], [0, 1]).ticks(Math.min(X_TICKS, span));
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...dateParts(span) });
  return dates.map((date) => ({ at: date.getTime() / DAY_MS, label: format.format(date) }));
}

function dateParts(days: number): Intl.DateTimeFormatOptions {
  if (days <= 100) return { day: "numeric", month: "short" };
  return days <= 5 * 366 ? { month: "short", year: "numeric" } : { year: "numeric" };
}

const TIME_UNITS = [
  { name: "h", ms: 3_600_000 },
  { name: "min", ms: 60_000 },
  { name: "s", ms: 1000 },
];

/** Where an axis of a time in milliseconds from 0 on has labels. */
export function durationTicks(ms: number): Tick[] {
  const unit = TIME_UNITS.find((unit) => ms >= 2 * unit.ms) ?? TIME_UNITS[TIME_UNITS.length - 1];
  return scaleLinear([0, ms / unit.ms], [0, 1])
    .ticks(X_TICKS)
    .map((value) => ({ at: value * unit.ms, label: `${value} ${unit.name}` }));
}

/** A bar of a table's cell; `share` is that of the longest. */
export function tableBar(share: number): Html {
  return html`<td class="bar"><div style="width:${rounded(share * 100)}%"></div></td>`;
}
