import PQueue from "p-queue";

/** Places for queries that have begun. */
export interface Begun {
  /** Queries that wait for a place. */
  waiting(): number;
  /**
   * Does the work of a query as soon as there is a place.
   * @param control aborted with {@link TooSlowError} when others need the place of a query that waits for its client
   */
  begin<T>(control: AbortController, work: (place: Place) => Promise<T>): Promise<T>;
}

/** The place of a query. */
export interface Place {
  /** Waits for the client of the query; the time counts against the query when others need its place. */
  idle(wait: () => Promise<void>): Promise<void>;
}

/** The client of a query read too slowly while others waited for a place. */
export class TooSlowError extends Error {}

interface Holder {
  control: AbortController;
  /** Time that was waited for the client before; many short waits are as bad as a long one. */
  idleMs: number;
  /** When the present wait began. */
  idleSince: number;
}

/** How long a query may wait for its client, in all, while others need its place. */
const PATIENCE_MS = 2000;
const LOOK_MS = 250;

/** @param max places */
export function createBegun(max: number): Begun {
  const queue = new PQueue({ concurrency: max });
  const idlers = new Set<Holder>();
  let looks = false;

  /** Takes places from those who waited longest for their clients, as many as are needed. */
  const look = () => {
    looks = false;
    const now = performance.now();
    const idleTime = ({ idleMs, idleSince }: Holder) => idleMs + now - idleSince;
    const slow = [...idlers].filter((idler) => !idler.control.signal.aborted && idleTime(idler) > PATIENCE_MS);
    slow.sort((a, b) => idleTime(b) - idleTime(a));
    for (const { control } of slow.slice(0, queue.size)) control.abort(new TooSlowError());
    lookSoon();
  };
  const lookSoon = () => {
    if (looks || queue.size === 0) return;
    looks = true;
    setTimeout(look, LOOK_MS);
  };

  return {
    waiting: () => queue.size,
    begin: (control, work) => {
      const holder: Holder = { control, idleMs: 0, idleSince: 0 };
      const place: Place = {
        idle: async (wait) => {
          holder.idleSince = performance.now();
          idlers.add(holder);
          await wait();
          idlers.delete(holder);
          holder.idleMs += performance.now() - holder.idleSince;
        },
      };
      const result = queue.add(() => work(place));
      lookSoon();
      return result;
    },
  };
}
