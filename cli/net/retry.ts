import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import type { Link } from "./link.ts";
import { countRetry } from "./traffic.ts";

const BASE_MS = 200;
const CAP_MS = 20_000;

/** A failure that may pass, with the time the server asked to be left alone for (`Retry-After`, RFC 9110). */
export class TransientError extends Error {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs = 0) {
    super(message);
    this.name = "TransientError";
    this.retryAfterMs = retryAfterMs;
  }
}

/** Exponential backoff with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog), milliseconds. */
export function backoffDelay(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt);
}

/** The value of a `Retry-After` header in milliseconds from `now`; 0 without one. */
export function parseRetryAfter(value: string | null, now: number): number {
  if (value === null) return 0;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.max(ms, 0) : 0;
}

/** Decides after each failure whether and when to try again. */
export interface Backoff {
  /** Waits for the next try. @throws {ProtonBeamError} resumable, when the time budget is spent */
  wait(error: unknown): Promise<void>;
  /** There was progress: the time budget starts anew. */
  progressed(): void;
}

/** @param what names the transfer in the final error */
export function createBackoff(link: Link, what: string): Backoff {
  let attempt = 0;
  let failingSince: number | null = null;
  return {
    wait: async (error) => {
      failingSince ??= performance.now();
      const delay = Math.max(backoffDelay(attempt++), error instanceof TransientError ? error.retryAfterMs : 0);
      if (performance.now() - failingSince + delay > link.retryMs) throw gaveUp(what, link, error);
      countRetry(link.traffic);
      await Bun.sleep(delay);
    },
    progressed: () => {
      attempt = 0;
      failingSince = null;
    },
  };
}

/**
 * Repeats `attempt` while it fails in a way that may pass.
 * @throws {ProtonBeamError} resumable, when the time budget is spent; what `attempt` throws otherwise
 */
export async function withRetries<T>(
  link: Link,
  what: string,
  mayPass: (error: unknown) => boolean,
  attempt: () => Promise<T>,
): Promise<T> {
  const backoff = createBackoff(link, what);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!mayPass(error)) throw error;
      await backoff.wait(error);
    }
  }
}

/** The error of a transfer whose time budget is spent. */
export function gaveUp(what: string, link: Link, cause: unknown): ProtonBeamError {
  return new ProtonBeamError(
    `${what} failed for ${link.retryMs / 1000} s (--retry-for): ${errorMessage(cause)}. ` +
      "Nothing is lost: run the same command again.",
    EXIT.resumable,
    { cause },
  );
}
