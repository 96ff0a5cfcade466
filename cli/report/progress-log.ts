import type { Logger } from "./log.ts";
import type { PhaseState, Progress } from "./progress.ts";
import { RECORD } from "./records.ts";

const INTERVAL_MS = 30_000;

/**
 * A progress display that also writes the state of a phase to the log: at its start, every 30 seconds, and at its end. From
 * these records comes the history of a run.
 * @param shown is given everything too
 */
export function logProgress(shown: Progress, log: Logger): Progress {
  let current: { phase: string; state: PhaseState; timer: Timer } | null = null;
  const record = () => {
    if (current !== null) log.info({ phase: current.phase, ...current.state }, RECORD.progress);
  };
  const close = () => {
    if (current === null) return;
    clearInterval(current.timer);
    record();
    current = null;
  };
  return {
    phase: (label, initial) => {
      close();
      const show = shown.phase(label, initial);
      const timer = setInterval(record, INTERVAL_MS);
      timer.unref();
      const phase = { phase: label, state: initial, timer };
      current = phase;
      record();
      return (state) => {
        phase.state = state;
        show(state);
      };
    },
    end: () => {
      close();
      shown.end();
    },
  };
}
