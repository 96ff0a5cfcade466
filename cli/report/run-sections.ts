import { REJECT_REASONS, type RejectReason } from "../event/reject.ts";
import { totalOf } from "../segment/counts.ts";
import { barChart, durationTicks, tableBar } from "./charts.ts";
import { type Cost, costOf } from "./cost.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMoney,
  formatShare,
  formatShort,
  formatTime,
} from "./format.ts";
import {
  machineHours,
  phaseTimes,
  type RunHistory,
  type Session,
  type ThroughputSample,
  throughputOf,
} from "./history.ts";
import { type Content, type Html, html } from "./html.ts";
import { countsOf } from "./key-figures.ts";
import type { ReportData } from "./page.ts";

/** Runs, and inputs of them, that are listed. */
const LAST_RUNS = 50;
const MOST_INPUTS = 200;
/** Bars of the chart of a run. */
const MOST_SAMPLES = 400;
/** Phases that show their speed in events, and how the style sheet paints them. */
const SERIES: Record<string, string> = { Reading: "main", Writing: "second" };
const OTHER = "third";

/** Where the archive came from, and how it was made. */
export function runSections(data: ReportData): Html {
  const { history } = data;
  const last = history.findLast(({ sessions }) => sessions.some(({ points }) => points.length > 0));
  return html`${last === undefined ? null : lastRun(last, data)}
${history.length < 2 ? null : earlierRuns(history)}
${rejects(data)}
${inputs(data)}
${options(data)}`;
}

function lastRun(run: RunHistory, { prices }: ReportData): Html {
  const { sessions } = run;
  const cost = costOf(sessions, prices);
  const phases = [...phaseTimes(sessions)].map(([name, ms]) => `${name} ${formatDuration(ms)}`);
  return html`<section>
<h2>The last run that converted something</h2>
<p>${formatTime(run.started)}, ${formatDuration(machineHours(sessions) * 3_600_000)} at work${interruptionsOf(run)}. ${phases.join(", ")}.</p>
${throughputChart(sessions)}
<h3>Machines</h3>
<div class="scroll"><table><thead><tr><th>Start</th><th>Machine</th><th class="n">At work</th><th>End</th></tr></thead><tbody>
${sessions.map(sessionRow)}
</tbody></table></div>
<p class="soft">${describeCost(cost, prices)}</p>
</section>`;
}

function interruptionsOf({ interruptions }: RunHistory): string {
  if (interruptions === 0) return "";
  return interruptions === 1 ? ", interrupted once" : `, interrupted ${interruptions} times`;
}

function sessionRow({ started, lastSeen, machine, ended, message }: Session): Html {
  return html`<tr><td class="t">${formatTime(started)}</td><td class="any">${machine?.host ?? "not known"}${
    machine === null ? null : html`<br><span class="soft">${describeMachine(machine)}</span>`
  }</td><td class="n">${formatDuration(lastSeen - started)}</td><td class="any">${
    ended === "complete" ? "complete" : html`<span class="alert">${ended ?? "no sign of an end"}</span>`
  }${message === null ? null : html`<br><span class="soft">${message}</span>`}</td></tr>
`;
}

function describeMachine({ instance, cpus, memory }: NonNullable<Session["machine"]>): string {
  const size = `${cpus} CPUs, ${formatBytes(memory)}`;
  return instance === null ? size : `${instance.type}, ${instance.purchase}, ${instance.region}; ${size}`;
}

function describeCost({ instances, volumes, total }: Cost, prices: ReportData["prices"]): string {
  if (total === null || instances === null || volumes === null)
    return "What it cost is not known: not all machines were of EC2, or of a type whose price is.";
  const money = (amount: number) => formatMoney(amount, prices.currency);
  return `${money(total)}: instances ${money(instances)}, volumes ${money(volumes)}, without requests, storage and traffic; prices of ${prices.date}, ${prices.region}.`;
}

/** The time that is shown is that at work: between sessions there may be days. */
function throughputChart(sessions: Session[]): Html | null {
  let at = 0;
  const bars: ThroughputSample[] = [];
  const marks: { at: number; title: string }[] = [];
  for (const session of sessions) {
    const samples = throughputOf(session);
    if (samples.length === 0) continue;
    if (bars.length > 0) marks.push({ at, title: `taken up again ${formatTime(session.started)}` });
    const begin = samples[0].from;
    for (const sample of samples) bars.push({ ...sample, from: at + sample.from - begin, to: at + sample.to - begin });
    at += samples[samples.length - 1].to - begin;
  }
  if (bars.length === 0) return null;
  return barChart({
    title: "Events a second",
    from: 0,
    to: at,
    bars: thinned(bars).map(({ from, to, phase, events, bytes }) => ({
      from,
      to,
      value: events,
      series: SERIES[phase] ?? OTHER,
      title: `${phase}: ${formatCount(events)} events/s${bytes === null ? "" : `, ${formatBytes(bytes)}/s`}`,
    })),
    marks,
    xTicks: durationTicks(at),
    formatValue: formatShort,
    legend: [...Object.entries(SERIES), ["Other phases", OTHER]].map(([label, series]) => ({ label, series })),
  });
}

/** Takes neighbours of one phase together until there are few enough. */
function thinned(samples: ThroughputSample[]): ThroughputSample[] {
  const size = Math.ceil(samples.length / MOST_SAMPLES);
  const groups: ThroughputSample[][] = [];
  for (const sample of samples) {
    const group = groups.at(-1);
    const follows =
      group !== undefined && group[0].phase === sample.phase && group[group.length - 1].to === sample.from;
    if (follows && group.length < size) group.push(sample);
    else groups.push([sample]);
  }
  return groups.map((group) => {
    const [{ from, phase }, { to }] = [group[0], group[group.length - 1]];
    const mean = (rate: (sample: ThroughputSample) => number) =>
      group.reduce((sum, sample) => sum + rate(sample) * (sample.to - sample.from), 0) / (to - from);
    const bytes = group[0].bytes === null ? null : mean((sample) => sample.bytes ?? 0);
    return { from, to, phase, bytes, events: mean(({ events }) => events) };
  });
}

function earlierRuns(history: RunHistory[]): Html {
  const shown = history.slice(-LAST_RUNS).reverse();
  return html`<section class="long">
<h2>Runs</h2>
<div class="scroll"><table><thead><tr><th>Start</th><th class="n">At work</th><th class="n">Interruptions</th><th class="n">New events</th><th class="n">Duplicates</th><th class="n">Rejected</th><th>End</th></tr></thead><tbody>
${shown.map(
  ({ started, sessions, interruptions, counts, current }) =>
    html`<tr><td class="t">${formatTime(started)}</td><td class="n">${formatDuration(machineHours(sessions) * 3_600_000)}</td><td class="n">${interruptions}</td><td class="n">${formatCount(counts.events)}</td><td class="n">${formatCount(counts.duplicates)}</td><td class="n">${formatCount(totalOf(counts.rejected))}</td><td>${current.ended ?? "no sign of an end"}</td></tr>
`,
)}
</tbody></table></div>
${history.length > LAST_RUNS ? html`<p class="soft">The last ${LAST_RUNS} of ${formatCount(history.length)}.</p>` : null}
</section>`;
}

function rejects(data: ReportData): Html {
  const { rejected, filtered, lines } = countsOf(data);
  const reasons = Object.entries(rejected).sort(([, a], [, b]) => b - a);
  if (reasons.length === 0 && totalOf(filtered) === 0) return html``;
  const most = reasons[0]?.[1] ?? 0;
  const explain = (reason: string): string => {
    const texts: Record<string, string> = REJECT_REASONS satisfies Record<RejectReason, string>;
    return texts[reason];
  };
  return html`<section>
<h2>Lines left out</h2>
${
  reasons.length === 0
    ? null
    : html`<div class="scroll"><table><thead><tr><th>Rejected because</th><th></th><th class="n">Lines</th><th class="n">Share</th></tr></thead><tbody>
${reasons.map(
  ([reason, count]) =>
    html`<tr><td class="any">${explain(reason)}<br><span class="soft id">${reason}</span></td>${tableBar(count / most)}<td class="n">${formatCount(count)}</td><td class="n">${formatShare(count / lines)}</td></tr>
`,
)}
</tbody></table></div>`
}
${
  totalOf(filtered) === 0
    ? null
    : html`<p class="soft">Left out on request: ${Object.entries(filtered)
        .map(([reason, count]) => `${formatCount(count)} by --${reason}`)
        .join(", ")}.</p>`
}
</section>`;
}

function inputs({ manifest }: ReportData): Html {
  const all = (manifest?.runs ?? []).flatMap((run) => run.inputs).reverse();
  if (all.length === 0) return html``;
  return html`<section class="long">
<h2>Inputs</h2>
<details ${all.length <= 10 ? "open" : ""}><summary>${formatCount(all.length)} ${all.length === 1 ? "input" : "inputs"}${all.length > MOST_INPUTS ? `, the last ${MOST_INPUTS} of them` : ""}</summary>
<div class="scroll"><table><thead><tr><th>Name</th><th class="n">Size</th><th>Stored as</th><th>Modified</th></tr></thead><tbody>
${all.slice(0, MOST_INPUTS).map(
  ({ name, size, compression, modified }) =>
    html`<tr><td class="any">${name}</td><td class="n">${size === null ? "–" : formatBytes(size)}</td><td>${compression === "none" ? "plain" : compression}</td><td class="t">${modified === null ? "–" : formatTime(modified)}</td></tr>
`,
)}
</tbody></table></div>
</details>
</section>`;
}

function options({ manifest }: ReportData): Html {
  const run = manifest?.runs.at(-1);
  if (run === undefined) return html``;
  return html`<section>
<h2>Options</h2>
<div class="scroll"><table><tbody>
${Object.entries(run.options).map(
  ([
    name,
    value,
  ]): Content => html`<tr><td>${name}</td><td class="any">${value === null ? "–" : JSON.stringify(value)}</td></tr>
`,
)}
<tr><td>indexTags</td><td class="any">${manifest?.indexTags.join(", ") || "–"}</td></tr>
<tr><td>version</td><td>${run.toolVersion}</td></tr>
</tbody></table></div>
</section>`;
}
