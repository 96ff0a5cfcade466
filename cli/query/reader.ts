import { setImmediate } from "node:timers/promises";
import type { Archive } from "../archive/open.ts";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import type { NostrEvent } from "../event/event.ts";
import { createPool, type Pool, runInOrder, type TaskOf } from "../threads/pool.ts";
import { type Batch, type BatchResult, createBatchBuilder, cutBatches, readBatch } from "./batch.ts";
import { countByIndex, findCandidates, ROWS_IN_VAIN, scannedSpan } from "./candidates.ts";
import { type Filter, isDecidedByIndex } from "./filter.ts";
import { type Lookup, type Order, openLookup } from "./lookup.ts";
import { createMemberStore } from "./members.ts";
import type { QueryTasks } from "./query-worker.ts";
import { type Slice, slicesOf } from "./slices.ts";

/** Uncompressed bytes that a query reads by itself before it lets threads help. */
const ALONE_BYTES = 32 * 1024 ** 2;

export interface SearchOptions {
  signal: AbortSignal;
  /** Candidates that may be looked at in vain; null for any number. */
  maxScanned: number | null;
}

/** A part of the answer to a query. */
export interface Findings {
  /** Events as JSON Lines in UTF-8, in order. */
  lines: Uint8Array;
  events: number;
  /** What was looked at for them: candidates, and uncompressed bytes of the members that hold them. */
  scanned: number;
  bytes: number;
}

/** Reads events of an archive. Several queries may be under way at once. */
export interface EventReader {
  /** The event with an id (64 lowercase hex digits), or null. */
  get(id: string): Promise<NostrEvent | null>;
  /**
   * The events that match any of the filters, newest first, each once, each filter with its own limit. Ends early once
   * the signal is aborted.
   * @throws {TooBroadError} {@link ProtonBeamError} when files or index are damaged
   */
  search(filters: Filter[], options: SearchOptions): AsyncGenerator<NostrEvent>;
  /** The same in any order, as JSON Lines and by parts, with what it took. */
  findings(filters: Filter[], order: Order, options: SearchOptions): AsyncGenerator<Findings>;
  /** Whether `count` needs the index only. */
  isDecidedByIndex(filters: Filter[]): boolean;
  /** Uncompressed bytes that `findings` is going to look at, if that can be told: of a query that the index does not narrow down. */
  bytesToScan(filters: Filter[]): number | null;
  /** Names of tags that the index knows. */
  indexedTags: ReadonlySet<string>;
  /** How many events `search` would give; from the index alone when the filters ask for neither tags nor text. */
  count(filters: Filter[], signal: AbortSignal): Promise<number>;
  close(): void;
}

/** A query looked at so many events in vain that it was given up. */
export class TooBroadError extends ProtonBeamError {
  constructor(scanned: number) {
    super(
      `gave up after ${scanned} events that did not match: ask for fewer, by ids, authors, kinds or a span of time`,
    );
    this.name = "TooBroadError";
  }
}

/**
 * Opens an archive for queries.
 * @param options `threads`: how many help with large queries, none with 0; `cacheBytes`: uncompressed bytes that are kept
 * @throws {ProtonBeamError} when the index is damaged
 */
export function openReader(archive: Archive, options: { threads: number; cacheBytes: number }): EventReader {
  const { files, location } = archive;
  const lookup = openIndex(archive);
  const store = createMemberStore(files, options.cacheBytes);
  const pool: Pool<QueryTasks> | null =
    options.threads === 0 ? null : createPool(new URL("./query-worker.ts", import.meta.url), options.threads);

  const get = async (id: string) => {
    const row = lookup.byId(Buffer.from(id, "hex"));
    if (row === null) return null;
    const builder = createBatchBuilder(lookup, 1);
    builder.add({ ...row, filters: [0] });
    const batch = builder.take();
    if (batch === null) return null;
    const { lines } = await readBatch(batch, [{ tags: [], search: null }], files, store);
    return parseEvents(lines)[0];
  };

  async function* batchesOf(
    filters: Filter[],
    order: Order,
    signal: AbortSignal,
    budget: Budget,
  ): AsyncGenerator<Batch> {
    for (const batch of cutBatches(filters, lookup, order)) {
      if (batch !== null) yield batch;
      if (signal.aborted) return;
      if (batch === null) {
        budget.spend(ROWS_IN_VAIN);
        await setImmediate();
      }
    }
  }

  /** Small queries are answered here; it is the large ones that are worth the threads. */
  async function* resultsOf(batches: AsyncGenerator<Batch>, filters: Filter[]): AsyncGenerator<BatchResult> {
    const content = filters.map(({ tags, search }) => ({ tags, search }));
    for (let bytes = 0; pool === null || bytes < ALONE_BYTES; ) {
      const next = await batches.next();
      if (next.done) return;
      bytes += next.value.bytes;
      yield await readBatch(next.value, content, files, store);
    }
    yield* runInOrder<QueryTasks, "read">(pool, tasksOf(batches, content));
  }

  async function* tasksOf(
    batches: AsyncGenerator<Batch>,
    filters: Pick<Filter, "tags" | "search">[],
  ): AsyncGenerator<TaskOf<QueryTasks, "read">> {
    for await (const batch of batches) yield { type: "read", location, filters, batch };
  }

  /** What a query must look through event by event, if that is much: threads then search slices of it, index and all. */
  const slicesToScan = (filters: Filter[], order: Order): Slice[] => {
    const span = pool === null ? null : spanToScan(filters);
    // A few of the first events are found sooner than a thread starts.
    if (span === null || (isDecidedByIndex(filters[0]) && filters[0].limit !== null)) return [];
    const slices = slicesOf(span, lookup.days(span), order);
    return slices.reduce((sum, { bytes }) => sum + bytes, 0) > ALONE_BYTES ? slices : [];
  };

  const spanToScan = (filters: Filter[]) => {
    const [span, ...others] = filters.map((filter) => scannedSpan(filter, lookup));
    return others.length > 0 ? null : span;
  };

  function* tasksOfSlices(slices: Slice[], filters: Filter[], order: Order): Generator<TaskOf<QueryTasks, "search">> {
    for (const { since, until, bytes } of slices) {
      const narrowed = filters.map((filter) => ({ ...filter, since, until }));
      yield { type: "search", location, indexPath: archive.indexPath, filters: narrowed, order, bytes };
    }
  }

  async function* findings(filters: Filter[], order: Order, { signal, maxScanned }: SearchOptions) {
    const budget = createBudget(maxScanned);
    const left = filters.map(({ limit }) => limit ?? Number.POSITIVE_INFINITY);
    const isDone = () => signal.aborted || left.every((n) => n === 0);
    if (isDone()) return;
    const slices = slicesToScan(filters, order);
    const results =
      pool === null || slices.length === 0
        ? resultsOf(batchesOf(filters, order, signal, budget), filters)
        : runInOrder<QueryTasks, "search">(pool, tasksOfSlices(slices, filters, order));
    for await (const result of results) {
      if (signal.aborted) return;
      const findings = takeWanted(result, left);
      yield findings;
      if (isDone()) return;
      budget.spend(result.scanned - result.ends.length);
    }
  }

  return {
    get,
    findings,
    indexedTags: lookup.indexedTags,
    isDecidedByIndex: (filters) => filters.every(isDecidedByIndex),
    bytesToScan: (filters) => {
      const span = spanToScan(filters);
      return span === null ? null : lookup.days(span).reduce((sum, { bytes }) => sum + bytes, 0);
    },
    search: async function* (filters, options) {
      for await (const { lines } of findings(filters, "newest-first", options))
        for (const event of parseEvents(lines)) {
          if (options.signal.aborted) return;
          yield event;
        }
    },
    count: async (filters, signal) => {
      const giveWay = async () => {
        await setImmediate();
        signal.throwIfAborted();
      };
      const [first] = filters;
      if (filters.length === 1 && isDecidedByIndex(first)) return countByIndex(first, lookup, giveWay);
      let total = 0;
      if (filters.every(isDecidedByIndex)) {
        let looked = 0;
        for (const item of findCandidates(filters, lookup, "newest-first")) {
          if (item !== null) total++;
          if (item === null || ++looked % ROWS_IN_VAIN === 0) await giveWay();
        }
        return total;
      }
      for await (const { events } of findings(filters, "newest-first", { signal, maxScanned: null })) total += events;
      signal.throwIfAborted();
      return total;
    },
    close: () => {
      pool?.terminate();
      lookup.close();
    },
  };
}

function openIndex({ indexPath, place }: Archive): Lookup {
  try {
    return openLookup(indexPath);
  } catch (error) {
    throw new ProtonBeamError(
      `${indexPath} cannot be read as an index: ${errorMessage(error)}. Make it anew with: proton-beam index rebuild ${place}`,
      EXIT.failed,
      { cause: error },
    );
  }
}

/** How many events may still be looked at in vain. */
interface Budget {
  /** @throws {TooBroadError} when there were too many */
  spend(events: number): void;
}

function createBudget(limit: number | null): Budget {
  let spent = 0;
  return {
    spend: (events) => {
      spent += events;
      if (limit !== null && spent > limit) throw new TooBroadError(spent);
    },
  };
}

/** The events of a batch that a filter still wants, of which `left` says how many. */
function takeWanted({ lines, ends, filters, scanned, bytes }: BatchResult, left: number[]): Findings {
  if (left.every((n) => n >= ends.length)) {
    for (const matched of filters) for (const filter of matched) left[filter]--;
    return { lines, events: ends.length, scanned, bytes };
  }
  const wanted: Uint8Array[] = [];
  for (const [n, matched] of filters.entries()) {
    const wanting = matched.filter((filter) => left[filter] > 0);
    for (const filter of wanting) left[filter]--;
    if (wanting.length > 0) wanted.push(lines.subarray(n === 0 ? 0 : ends[n - 1], ends[n]));
  }
  return { lines: Buffer.concat(wanted), events: wanted.length, scanned, bytes };
}

function parseEvents(lines: Uint8Array): NostrEvent[] {
  const text = Buffer.from(lines.buffer, lines.byteOffset, lines.length).toString();
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
