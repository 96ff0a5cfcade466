import type { Prices } from "../dataset/prices.ts";
import { formatBytes, formatCount, formatDuration, formatMoney, formatTime } from "../report/format.ts";
import type { Machine } from "../report/machine.ts";
import { describeAmount, describePhase } from "../report/progress.ts";
import type { RunStatus } from "./state.ts";

const LABEL_WIDTH = 12;

/** How far a run is, for a person. */
export function describeStatus(status: RunStatus, prices: Prices, now: number): string {
  const { phase, state } = status;
  const isMoving = state === "running" || state === "stalled";
  const rows = rowsOf(status, prices, now).map(([label, text]) => `${label.padEnd(LABEL_WIDTH)}  ${text}\n`);
  const progress =
    phase === null || !isMoving ? "" : `\n${describePhase(phase.name, phase, phase.updated - phase.started)}\n`;
  return `${status.place}\n${progress}\n${rows.join("")}`;
}

function rowsOf(status: RunStatus, prices: Prices, now: number): [string, string][] {
  const { state, message, machine, phase, started, updated, work, lease, counts, archive } = status;
  const rows: [string, string][] = [["state", message === null ? state : `${state}: ${message}`]];
  const time = (at: number) => `${formatTime(at)}, ${formatDuration(Math.max(now - at, 0))} ago`;
  if (started !== null) rows.push(["started", time(started)]);
  if (updated !== null) rows.push(["last sign", time(updated)]);
  if (machine !== null) rows.push(["machine", describeMachine(machine)]);
  if (lease !== null) rows.push(["lease", `process ${lease.pid} on ${lease.host}`]);
  if (phase !== null)
    rows.push(["phase", `${phase.name}: ${describeAmount(phase)}, ${formatCount(phase.events)} events`]);
  if (status.rejected > 0) rows.push(["rejected", `${formatCount(status.rejected)} lines`]);
  if (counts.lines > 0)
    rows.push(["converted", `${formatCount(counts.events)} new events, ${formatCount(counts.duplicates)} duplicates`]);
  if (work !== null) rows.push(["committed", `${formatCount(work.segments)} segments, ${formatCount(work.days)} days`]);
  if (status.sessions > 0) rows.push(["so far", describeEffort(status, prices)]);
  if (archive !== null)
    rows.push([
      "archive",
      `${formatCount(archive.events)} events, ${formatCount(archive.days)} days, ${formatBytes(archive.bytes)}`,
    ]);
  return rows;
}

function describeMachine({ host, cpus, instance }: Machine): string {
  const kind = instance === null ? "" : `${instance.type}, ${instance.purchase}, ${instance.region}, `;
  return `${host} (${kind}${cpus} CPUs)`;
}

function describeEffort({ sessions, interruptions, machineHours, cost }: RunStatus, prices: Prices): string {
  const parts = [
    sessions === 1 ? "one process" : `${formatCount(sessions)} processes`,
    ...(interruptions === 0 ? [] : [interruptions === 1 ? "one interruption" : `${interruptions} interruptions`]),
    `${formatDuration(machineHours * 3_600_000)} at work`,
  ];
  if (cost.total !== null)
    parts.push(`${formatMoney(cost.total, prices.currency)} for machines and volumes, by prices of ${prices.date}`);
  return parts.join(", ");
}
