import type { Traffic } from "./traffic.ts";

/** How much a network link is borne with, and what happened on it. Can be handed to threads. */
export interface Link {
  /** Time for which failing requests are repeated without any progress, milliseconds. */
  retryMs: number;
  /** Time without a byte after which a peer is taken for dead, milliseconds. */
  stallMs: number;
  traffic: Traffic;
}

/**
 * The pieces of a body as they come.
 * @param abort called when the peer fell silent or the reader wants no more; must end the request
 * @throws {Error} when no piece comes for `stallMs`
 */
export async function* withStallTimeout(
  body: AsyncIterable<Uint8Array>,
  stallMs: number,
  abort: () => void,
): AsyncGenerator<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await inTime(pieces.next(), stallMs);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    abort();
  }
}

/** @throws {Error} when `promise` does not settle within `ms` */
export async function inTime<T>(promise: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer for ${ms / 1000} s`)), ms);
  promise.catch(() => {});
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
