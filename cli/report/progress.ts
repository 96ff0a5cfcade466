import { createLogUpdate } from "log-update";
import { z } from "zod";
import { formatBytes, formatCount, formatDuration } from "./format.ts";

const REDRAW_MS = 200;
const PLAIN_LINE_MS = 10_000;
const BAR_WIDTH = 24;
const LABEL_WIDTH = 8;

/** How far a phase is. `reused` is the part of `done` that an earlier run had made: it says nothing about speed. */
export const phaseStateSchema = z.object({
  unit: z.enum(["bytes", "days"]),
  done: z.number(),
  reused: z.number(),
  /** Null when not known before the end. */
  total: z.number().nullable(),
  events: z.number(),
  reusedEvents: z.number(),
  rejected: z.number(),
});
export type PhaseState = z.infer<typeof phaseStateSchema>;

/** The state of a phase before anything is done. */
export function emptyPhase(unit: PhaseState["unit"], total: number | null): PhaseState {
  return { unit, total, done: 0, reused: 0, events: 0, reusedEvents: 0, rejected: 0 };
}

/** The state of a phase of days after one more of them, of so many events. */
export function dayDone(state: PhaseState, events: number, isReused: boolean): PhaseState {
  return {
    ...state,
    done: state.done + 1,
    reused: state.reused + (isReused ? 1 : 0),
    events: state.events + events,
    reusedEvents: state.reusedEvents + (isReused ? events : 0),
  };
}

/** Shows the phases of a run to a person. */
export interface Progress {
  /** Starts a phase; call the result with each new state. The phase before it is closed. */
  phase(label: string, initial: PhaseState): (state: PhaseState) => void;
  /** Closes the last phase. */
  end(): void;
}

/** What a progress display writes to: standard error. */
export type Terminal = NodeJS.WriteStream;

/** One line a phase that redraws itself on a terminal; elsewhere a plain line now and then. */
export function createProgress(output: Terminal, now: () => number = performance.now.bind(performance)): Progress {
  const redraw = output.isTTY ? createLogUpdate(output) : null;
  let current: { label: string; state: PhaseState; started: number; timer: Timer } | null = null;

  const line = () => (current === null ? "" : describePhase(current.label, current.state, now() - current.started));
  const show = () => {
    if (redraw !== null) redraw(line());
    else output.write(`${line()}\n`);
  };
  const end = () => {
    if (current === null) return;
    clearInterval(current.timer);
    show();
    redraw?.done();
    current = null;
  };

  return {
    phase: (label, initial) => {
      end();
      const timer = setInterval(show, redraw === null ? PLAIN_LINE_MS : REDRAW_MS);
      const phase = { label, state: initial, started: now(), timer };
      current = phase;
      return (state) => {
        phase.state = state;
      };
    },
    end,
  };
}

/** Shows nothing. */
export const silentProgress: Progress = { phase: () => () => {}, end: () => {} };

/** The line of a phase `elapsedMs` after its start. */
export function describePhase(label: string, state: PhaseState, elapsedMs: number): string {
  const { done, total, reused } = state;
  const fresh = done - reused;
  const seconds = elapsedMs / 1000;
  const parts = [label.padEnd(LABEL_WIDTH)];
  if (total !== null && total > 0) {
    const filled = Math.min(BAR_WIDTH, Math.floor((done / total) * BAR_WIDTH));
    parts.push(
      `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)} ${String(Math.floor((done / total) * 100)).padStart(3)}%`,
    );
  }
  parts.push(describeAmount(state));
  if (seconds > 0) {
    if (state.unit === "bytes") parts.push(`${formatBytes(fresh / seconds)}/s`);
    parts.push(`${formatCount((state.events - state.reusedEvents) / seconds)} events/s`);
  }
  if (state.rejected > 0) parts.push(`${formatCount(state.rejected)} rejected`);
  if (total !== null && done < total && fresh > 0)
    parts.push(`ETA ${formatDuration(((total - done) / fresh) * elapsedMs)}`);
  else parts.push(formatDuration(elapsedMs));
  return parts.join("  ");
}

/** `5 GB of 10 GB`, `3 of 12 days` */
export function describeAmount({ unit, done, total }: PhaseState): string {
  const amount = (n: number) => (unit === "bytes" ? formatBytes(n) : formatCount(n));
  const suffix = unit === "bytes" ? "" : total === 1 ? " day" : " days";
  return total === null || done === total ? `${amount(done)}${suffix}` : `${amount(done)} of ${amount(total)}${suffix}`;
}
