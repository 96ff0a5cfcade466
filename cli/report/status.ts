import { hostname } from "node:os";
import type { PhaseState, Progress } from "./progress.ts";

/** What `status.json` says of a run. */
export interface StatusDocument {
  /** `running`, or how it ended. */
  state: string;
  message: string | undefined;
  /** The last one that was begun. */
  phase: ({ name: string } & PhaseState) | null;
  host: string;
  version: string;
  started: Date;
  updated: Date;
}

export type StatusReport = () => StatusDocument;

/** A progress display that remembers the last state, for `status.json`. */
export interface Status {
  progress: Progress;
  report: StatusReport;
  /** Notes what the run is about: how it ended, or that it is to be interrupted. */
  note(state: string, message?: string): void;
}

/** @param shown is given everything too */
export function createStatus(shown: Progress, version: string, now: () => Date = () => new Date()): Status {
  const started = now();
  let state = "running";
  let message: string | undefined;
  let phase: StatusDocument["phase"] = null;
  return {
    progress: {
      phase: (label, initial) => {
        const show = shown.phase(label, initial);
        phase = { name: label, ...initial };
        return (next) => {
          phase = { name: label, ...next };
          show(next);
        };
      },
      end: shown.end,
    },
    report: () => ({ state, message, phase, host: hostname(), version, started, updated: now() }),
    note: (next, why) => {
      state = next;
      message = why;
    },
  };
}
