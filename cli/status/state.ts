import type { Prices } from "../dataset/prices.ts";
import { type Cost, costOf } from "../report/cost.ts";
import { machineHours, type RunHistory, type Session } from "../report/history.ts";
import type { Machine } from "../report/machine.ts";
import type { PhaseState } from "../report/progress.ts";
import { describeArchive } from "../run/manifest.ts";
import { type Counts, emptyCounts } from "../segment/counts.ts";
import type { Facts } from "./facts.ts";

export type State = "running" | "stalled" | "complete" | "interrupted" | "failed";

/** How far a run is, for programs (`--json`) and for {@link describeStatus}. Times are milliseconds since 1970. */
export interface RunStatus {
  place: string;
  state: State;
  /** Why it ended, or what is the matter. */
  message: string | null;
  /** Of the last session. */
  machine: Machine | null;
  /** Null when no run is under way. */
  phase: (PhaseState & { name: string; started: number; updated: number }) | null;
  /** Lines that were rejected since the last session began to read, those of taken up segments included. */
  rejected: number;
  /** Of the conversions that the run has brought to their end. */
  counts: Counts;
  /** When the run began; null when there is no log of it. */
  started: number | null;
  /** The last sign of life. */
  updated: number | null;
  work: Facts["work"];
  lease: Facts["lease"];
  /** Processes that worked on the run, and what they took. */
  sessions: number;
  interruptions: number;
  machineHours: number;
  cost: Cost;
  /** What the archive holds; null while there is none. */
  archive: { events: number; days: number; bytes: number } | null;
}

const VANISHED = "its process ended without a word: it was killed, or the machine went down. The same command goes on.";

/**
 * What facts say at a time.
 * @param stalledMs time without a sign of life after which a run counts as stalled
 * @returns null when there is nothing of a run
 */
export function statusOf(facts: Facts, now: number, stalledMs: number, prices: Prices): RunStatus | null {
  const { place, history, manifest, work, lease } = facts;
  const run = history.at(-1) ?? null;
  const status = matchingStatus(facts, run);
  const updated = latest(status?.updated.getTime(), run?.current.lastSeen);
  const found = stateOf(facts, run, updated === null ? null : now - updated, stalledMs);
  if (found === null) return null;
  // The log has a record now and then; status.json is newer.
  const sessions = (run?.sessions ?? []).map((session) =>
    session === run?.current && updated !== null ? { ...session, lastSeen: updated } : session,
  );
  const isCutOff = found.state === "interrupted" && run?.current.ended === null;
  const phase = phaseOf(status, run);
  const points = [...(run?.current.points ?? []), ...(phase === null ? [] : [phase])];
  return {
    place,
    ...found,
    machine: run?.current.machine ?? null,
    phase: found.state === "complete" ? null : phase,
    rejected: Math.max(0, ...points.map(({ rejected }) => rejected)),
    counts: run?.counts ?? emptyCounts(),
    started: run?.started ?? status?.started.getTime() ?? null,
    updated,
    work,
    lease,
    sessions: sessions.length,
    interruptions: (run?.interruptions ?? 0) + (isCutOff ? 1 : 0),
    machineHours: machineHours(sessions),
    cost: costOf(sessions, prices),
    archive: manifest === null ? null : describeArchive(manifest),
  };
}

/** `status.json`, unless it is one that another session left. */
function matchingStatus({ status }: Facts, run: RunHistory | null): Facts["status"] {
  return status !== null && (run === null || status.session === run.current.id) ? status : null;
}

function stateOf(
  facts: Facts,
  run: RunHistory | null,
  silentMs: number | null,
  stalledMs: number,
): Pick<RunStatus, "state" | "message"> | null {
  const { status, manifest, work } = facts;
  if (run !== null && run.current.ended !== null) return endOf(run.current, run.current.ended);
  if (run === null && (status === null || status.state !== "running")) {
    if (status?.state === "failed") return { state: "failed", message: status.message ?? null };
    if (work !== null || status?.state === "interrupted")
      return { state: "interrupted", message: status?.message ?? "an unfinished run is here, but no log of it." };
    return manifest === null ? null : { state: "complete", message: null };
  }
  if (facts.isAlive === false) return { state: "interrupted", message: VANISHED };
  if (silentMs !== null && silentMs > stalledMs)
    return {
      state: "stalled",
      message: "there was no sign of life for long: the process hangs, or its machine is gone.",
    };
  return { state: "running", message: status?.message ?? null };
}

function endOf({ message }: Session, ended: NonNullable<Session["ended"]>): Pick<RunStatus, "state" | "message"> {
  return ended === "vanished" ? { state: "interrupted", message: VANISHED } : { state: ended, message };
}

function phaseOf(status: Facts["status"], run: RunHistory | null): RunStatus["phase"] {
  const points = run?.current.points ?? [];
  const last = points.at(-1);
  // status.json is renewed every few seconds, the log at the beginning and the end of a phase.
  const isStatusNewer = status !== null && (last === undefined || status.updated.getTime() >= last.time);
  if (isStatusNewer && status.phase !== null)
    return { ...status.phase, started: status.phase.started.getTime(), updated: status.updated.getTime() };
  if (last === undefined) return null;
  const { phase: name, time: updated, ...state } = last;
  const before = points.findLastIndex(({ phase }) => phase !== name);
  return { name, started: points[before + 1].time, updated, ...state };
}

function latest(...times: (number | undefined)[]): number | null {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? null : Math.max(...known);
}
