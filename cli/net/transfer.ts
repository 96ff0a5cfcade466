import { ProtonBeamError } from "../errors.ts";
import { type Link, withStallTimeout } from "./link.ts";
import { createBackoff, TransientError } from "./retry.ts";
import { countMoved } from "./traffic.ts";

/** A body that is being received. `abort` ends the request. */
export interface Transfer {
  body: AsyncIterable<Uint8Array>;
  abort: () => void;
}

/** Begins to receive the bytes between `from` and `to`; `to` is null for the end of what has no known size. */
export type OpenRange = (from: number, to: number | null) => Promise<Transfer>;

/**
 * The bytes between `from` and `to`, whatever it takes: a transfer that breaks off or falls silent is taken up where it was.
 * @param what names the transfer in errors
 * @throws {ProtonBeamError} resumable, when the link's time budget is spent without progress; or what `open` throws as such
 */
export async function* readResumed(
  what: string,
  link: Link,
  open: OpenRange,
  from: number,
  to: number | null,
): AsyncGenerator<Uint8Array> {
  const backoff = createBackoff(link, what);
  let position = from;
  while (to === null || position < to) {
    try {
      const { body, abort } = await open(position, to);
      for await (const piece of withStallTimeout(body, link.stallMs, abort)) {
        const wanted = to === null ? piece : piece.subarray(0, to - position);
        position += wanted.length;
        backoff.progressed();
        countMoved(link.traffic, wanted.length);
        if (wanted.length > 0) yield wanted;
        if (position === to) return;
      }
      if (to === null) return;
      throw new TransientError(`the transfer ended at byte ${position}, before byte ${to}`);
    } catch (error) {
      if (error instanceof ProtonBeamError) throw error;
      await backoff.wait(error);
    }
  }
}
