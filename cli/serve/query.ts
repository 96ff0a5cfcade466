import { errorMessage } from "../errors.ts";
import type { Filter } from "../query/filter.ts";
import { type EventReader, type Findings, TooBroadError } from "../query/reader.ts";
import { type Place, TooSlowError } from "./begun.ts";
import type { Desk } from "./desk.ts";
import { type Refusal, reply } from "./messages.ts";
import type { Outbox } from "./outbox.ts";

export interface Query {
  type: "REQ" | "COUNT";
  /** The subscription's. */
  id: string;
  filters: Filter[];
}

/** A query took too long. */
class OutOfTime extends Error {}

/** Events are handed over in pieces of about so many bytes, if none is larger. */
const PIECE_BYTES = 64 * 1024;
const NEWLINE = 10;

/**
 * Answers a query, as fast as its client reads. Never throws.
 * @param control aborted by the client's side when nobody wants the answer any more
 * @returns whether it goes on as a subscription
 */
export async function answerQuery(
  query: Query,
  control: AbortController,
  outbox: Outbox,
  desk: Desk,
  address: string,
): Promise<boolean> {
  const { type, id, filters } = query;
  const { library, limits, log } = desk;
  const { signal } = control;
  const account = { events: 0, bytes: 0, ms: 0 };
  const started = performance.now();
  let failure: Refusal | null = null;
  try {
    await desk.begun.begin(control, (place) =>
      library.lend((reader) => (type === "REQ" ? stream(reader, place) : count(reader))),
    );
  } catch (error) {
    if (signal.reason instanceof OutOfTime)
      failure = `error: too broad: it takes more than ${limits.queryMs / 1000} s; narrow the filter`;
    else if (signal.reason instanceof TooSlowError)
      failure = "error: others wait, and the answer is read too slowly; ask again, for less at once";
    else if (!signal.aborted) failure = refusalOf(error);
  }
  if (failure !== null) outbox.answer(reply.closed(id, failure));
  log.debug(
    {
      address,
      type,
      id,
      filters: filters.map(withoutNulls),
      events: account.events,
      bytes: account.bytes,
      workMs: Math.round(account.ms),
      ms: Math.round(performance.now() - started),
      result: failure ?? (signal.aborted ? "ended by the client" : "done"),
    },
    "query",
  );
  return type === "REQ" && failure === null;

  async function stream(reader: EventReader, place: Place): Promise<void> {
    for await (const { lines } of findings(reader)) {
      for (const piece of piecesOf(lines, id)) {
        await place.idle(() => outbox.room(signal));
        signal.throwIfAborted();
        outbox.deliver(piece.texts);
        account.events += piece.texts.length;
        account.bytes += piece.size;
      }
    }
    outbox.answer(reply.endOfStored(id));
  }

  async function count(reader: EventReader): Promise<void> {
    let total = 0;
    if (reader.isDecidedByIndex(filters)) total = await takeTurn(() => reader.count(filters, signal));
    else for await (const { events } of findings(reader)) total += events;
    outbox.answer(reply.count(id, total));
  }

  /** The answer part by part. The first part is small and need not wait for large queries of others. */
  async function* findings(reader: EventReader): AsyncGenerator<Findings> {
    const parts = reader.findings(filters, "newest-first", { signal, maxScanned: limits.scanned });
    const next = () => parts.next();
    try {
      for (let part = await timed(next); !part.done; part = await takeTurn(next)) yield part.value;
    } finally {
      await parts.return(undefined);
    }
  }

  function takeTurn<T>(work: () => Promise<T>): Promise<T> {
    return desk.turns.add(() => timed(work));
  }

  /** Works as long as the query has time left. */
  async function timed<T>(work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const start = performance.now();
    const timer = setTimeout(() => control.abort(new OutOfTime()), limits.queryMs - account.ms);
    try {
      const result = await work();
      signal.throwIfAborted();
      return result;
    } finally {
      clearTimeout(timer);
      account.ms += performance.now() - start;
    }
  }

  function refusalOf(error: unknown): Refusal {
    if (error instanceof TooBroadError)
      return `error: too broad: ${limits.scanned} events were looked at in vain; narrow the filter, by time or kinds for example`;
    library.doubt();
    log.warn({ err: error }, `a query failed: ${errorMessage(error)}`);
    return "error: the archive could not be read; ask again";
  }
}

/** EVENT messages of JSON Lines, some at a time: none of them is kept when the next are made. */
function* piecesOf(lines: Uint8Array, id: string): Generator<{ texts: string[]; size: number }> {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.length);
  let texts: string[] = [];
  let start = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, at);
    texts.push(reply.event(id, bytes.toString("utf8", at, end)));
    at = end + 1;
    if (at - start < PIECE_BYTES && at < bytes.length) continue;
    yield { texts, size: at - start };
    texts = [];
    start = at;
  }
}

function withoutNulls(filter: Filter): object {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== null));
}
