import { EXIT, type ProtonBeamError } from "../errors.ts";

/** Asks a run to stop: to take no more work, and to leave the rest to the next run. */
export interface Stop {
  signal: AbortSignal;
  now(): void;
  /** With the error that the run then ends with. */
  because(error: ProtonBeamError): void;
  reason(): ProtonBeamError | null;
}

export function createStop(): Stop {
  const controller = new AbortController();
  let reason: ProtonBeamError | null = null;
  return {
    signal: controller.signal,
    now: () => controller.abort(),
    because: (error) => {
      reason ??= error;
      controller.abort();
    },
    reason: () => reason,
  };
}

/** The first SIGINT or SIGTERM asks the run to stop; a second one ends the process at once. */
export function stopOnSignals(stop: Stop): void {
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(EXIT.resumable);
    process.stderr.write("\nproton-beam: stopping; once more to leave at once\n");
    stop.now();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}
