import { renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";
import { TEMPORARY_SUFFIX } from "../store/atomic.ts";
import { type Progress, phaseStateSchema } from "./progress.ts";

const INTERVAL_MS = 2000;

/** What `status.json` says of a run. */
export const statusSchema = z.object({
  /** `running`, or how it ended. */
  state: z.string(),
  message: z.string().optional(),
  /** The last one that was begun. */
  phase: phaseStateSchema.extend({ name: z.string(), started: z.coerce.date() }).nullable(),
  host: z.string(),
  version: z.string(),
  /** Names the process, as in the log. */
  session: z.string(),
  started: z.coerce.date(),
  updated: z.coerce.date(),
});
export type StatusDocument = z.infer<typeof statusSchema>;

export type StatusReport = () => StatusDocument;

/** A progress display that remembers the last state, for `status.json`. */
export interface Status {
  progress: Progress;
  report: StatusReport;
  /** Notes what the run is about: how it ended, or that it is to be interrupted. */
  note(state: string, message?: string): void;
}

/** @param shown is given everything too */
export function createStatus(
  shown: Progress,
  { version, session }: { version: string; session: string },
  now: () => Date = () => new Date(),
): Status {
  const started = now();
  let state = "running";
  let message: string | undefined;
  let phase: StatusDocument["phase"] = null;
  return {
    progress: {
      phase: (label, initial) => {
        const show = shown.phase(label, initial);
        const begun = { name: label, started: now() };
        phase = { ...begun, ...initial };
        return (next) => {
          phase = { ...begun, ...next };
          show(next);
        };
      },
      end: shown.end,
    },
    report: () => ({ state, message, phase, host: hostname(), version, session, started, updated: now() }),
    note: (next, why) => {
      state = next;
      message = why;
    },
  };
}

/** The text of `status.json`. */
export function serializeStatus(status: StatusDocument): string {
  return `${JSON.stringify(status, null, 2)}\n`;
}

/**
 * Keeps a file on this disk that says how far the run is, renewed every two seconds. It is only good to know, so a disk that
 * is full is for others to report.
 * @returns ends this; the file stays
 */
export function keepStatusFile(path: string, report: StatusReport): () => void {
  const write = () => {
    try {
      writeFileSync(path + TEMPORARY_SUFFIX, serializeStatus(report()));
      renameSync(path + TEMPORARY_SUFFIX, path);
    } catch {}
  };
  write();
  const timer = setInterval(write, INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
