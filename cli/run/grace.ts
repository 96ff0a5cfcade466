import { interruption } from "../errors.ts";

/** Time that tasks under way get to finish when a run is interrupted. */
const GRACE_MS = 20_000;

/** Waits for a phase; throws when the run was told to stop, {@link GRACE_MS} later at the latest. */
export async function interruptible<T>(phase: Promise<T>, signal: AbortSignal): Promise<T> {
  const result = await withinGrace(phase, signal);
  if (signal.aborted) throw interruption();
  return result;
}

/** Waits for work that is better finished than interrupted, but not longer than {@link GRACE_MS} after the run was told to stop. */
export async function withinGrace<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const grace = new Promise<never>((_, reject) => {
    const startClock = () => setTimeout(() => reject(interruption()), GRACE_MS).unref();
    if (signal.aborted) startClock();
    else signal.addEventListener("abort", startClock, { once: true });
  });
  return Promise.race([work, grace]);
}
