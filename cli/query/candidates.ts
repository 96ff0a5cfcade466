import { tagHash } from "../index/tags.ts";
import { type Filter, isDecidedByIndex, isInRanges } from "./filter.ts";
import { mergeSorted } from "./heap.ts";
import type { Lookup, Order, Row, Source, Span } from "./lookup.ts";

/** An event that may be one that is asked for, by the index, with the numbers of the filters that it may match. */
export interface Candidate extends Row {
  filters: number[];
}

/** Rows that are looked at in vain before the reader is told, so that it can give way to others, or up. */
export const ROWS_IN_VAIN = 1000;

/** More values than these are not looked up one by one. */
const MAX_SOURCES = 5000;
/** Rows to which the ways to find candidates are counted, to choose the shortest. */
const COMPARED_ROWS = 10_000;
/** Tag values of an event that are looked up in the index before the event is read. */
const MAX_TAG_CHECKS = 64;
const FIRST_PAGE = 16;
const MAX_PAGE = 4096;
/** Rows of all pages together. */
const PAGED_ROWS = 65_536;

/** How the candidates of a filter are found: rows of sources that together hold all of them, and what is true of all these rows. */
interface Path {
  rows: { sources: Source[] } | { found: Row[] };
  /** What the sources alone make sure of. */
  covers: { authors: boolean; kinds: boolean; tag: string | null };
}

/**
 * The events that may match any of the filters, in order, each once; `null` for every {@link ROWS_IN_VAIN} rows of the
 * index that were none. Where the index alone decides, no more than the filter's limit.
 */
export function* findCandidates(filters: Filter[], lookup: Lookup, order: Order): Generator<Candidate | null> {
  const compare = order === "newest-first" ? compareNewestFirst : compareOldestFirst;
  const streams = filters.map((filter, number) => candidatesOf(filter, number, lookup, order));
  let last: Candidate | null = null;
  for (const item of mergeSorted(streams, (a, b) => (a === null || b === null ? nullFirst(a, b) : compare(a, b)))) {
    if (item === null) yield null;
    else if (last !== null && compare(last, item) === 0) last.filters.push(...item.filters);
    else {
      if (last !== null) yield last;
      last = item;
    }
  }
  if (last !== null) yield last;
}

function nullFirst(a: unknown, b: unknown): number {
  return Number(a !== null) - Number(b !== null);
}

function* candidatesOf(filter: Filter, number: number, lookup: Lookup, order: Order): Generator<Candidate | null> {
  const limit = isDecidedByIndex(filter) ? (filter.limit ?? Infinity) : Infinity;
  if (filter.limit === 0) return;
  const path = choosePath(filter, lookup);
  const accepts = createCheck(filter, path, lookup);
  let given = 0;
  let inVain = 0;
  for (const row of rowsOf(path, spanOf(filter), lookup, order)) {
    if (accepts(row)) {
      yield { ...row, filters: [number] };
      if (++given === limit) return;
    } else if (++inVain % ROWS_IN_VAIN === 0) yield null;
  }
}

/** The rows of a path in order, each once. */
function* rowsOf({ rows }: Path, span: Span, lookup: Lookup, order: Order): Generator<Row> {
  const compare = order === "newest-first" ? compareNewestFirst : compareOldestFirst;
  if ("found" in rows) {
    yield* rows.found.toSorted(compare);
    return;
  }
  const { sources } = rows;
  const maxPage = Math.max(FIRST_PAGE, Math.min(MAX_PAGE, Math.floor(PAGED_ROWS / sources.length)));
  let last: Row | null = null;
  for (const row of mergeSorted(
    sources.map((source) => pagedRows(source, span, lookup, order, maxPage)),
    compare,
  )) {
    if (last === null || compare(last, row) !== 0) yield row;
    last = row;
  }
}

function* pagedRows(source: Source, span: Span, lookup: Lookup, order: Order, maxPage: number): Generator<Row> {
  let last: Row | null = null;
  for (let size = FIRST_PAGE; ; size = Math.min(2 * size, maxPage)) {
    const page: Row[] = lookup.page(source, span, order, last, size);
    yield* page;
    if (page.length < size) return;
    last = page[page.length - 1];
  }
}

/** How many events match a filter that the index decides. Gives way to others now and then. */
export async function countByIndex(filter: Filter, lookup: Lookup, giveWay: () => Promise<void>): Promise<number> {
  const path = choosePath(filter, lookup);
  const { rows, covers } = path;
  const { limit, authors, kinds } = filter;
  let total = 0;
  if ("sources" in rows && (authors === null || covers.authors) && (kinds === null || covers.kinds)) {
    for (const source of rows.sources) total += await countSlices(source, spanOf(filter), lookup, giveWay);
  } else {
    for (const item of candidatesOf({ ...filter, limit: null }, 0, lookup, "newest-first")) {
      if (item === null) await giveWay();
      else if (++total % ROWS_IN_VAIN === 0) await giveWay();
    }
  }
  return Math.min(total, limit ?? total);
}

const SLICE_ROWS = 100_000;

async function countSlices(
  source: Source,
  { since, until }: Span,
  lookup: Lookup,
  giveWay: () => Promise<void>,
): Promise<number> {
  let total = 0;
  for (let from = since; ; ) {
    const next = lookup.timeOfNth(source, { since: from, until }, SLICE_ROWS);
    const to = next === null ? until : Math.max(next - 1, from);
    total += lookup.count(source, { since: from, until: to });
    if (next === null) return total;
    from = to + 1;
    await giveWay();
  }
}

/** The span of time in which all events are looked at for a filter; null when the index narrows them down. */
export function scannedSpan(filter: Filter, lookup: Lookup): Span | null {
  const { rows } = choosePath(filter, lookup);
  return "sources" in rows && rows.sources.some(({ type }) => type === "time") ? spanOf(filter) : null;
}

function spanOf({ since, until }: Filter): Span {
  return { since: since ?? Number.MIN_SAFE_INTEGER, until: until ?? Number.MAX_SAFE_INTEGER };
}

/** The shortest way to the candidates; of ways that are all long the one that is likely the shortest. */
function choosePath(filter: Filter, lookup: Lookup): Path {
  const nothing = { authors: false, kinds: false, tag: null };
  if (filter.ids !== null) {
    const rows = [...new Set(filter.ids)].map((id) => lookup.byId(Buffer.from(id, "hex")));
    return { rows: { found: rows.filter((row) => row !== null) }, covers: nothing };
  }
  const ways: Way[] = [];
  for (const { name, values } of filter.tags)
    if (lookup.indexedTags.has(name) && values.length <= MAX_SOURCES)
      ways.push({ sources: hashesOf(name, values).map(tagSource), covers: { ...nothing, tag: name } });
  if (filter.authors !== null && filter.authors.length <= MAX_SOURCES)
    ways.push({
      sources: pubkeysOf(filter.authors, lookup).map((pubkey): Source => ({ type: "author", pubkey })),
      covers: { ...nothing, authors: true },
    });
  if (filter.kinds !== null) {
    const kinds = lookup.kindsIn(filter.kinds, MAX_SOURCES);
    if (kinds.length < MAX_SOURCES)
      ways.push({
        sources: kinds.map((kind): Source => ({ type: "kind", kind })),
        covers: { ...nothing, kinds: true },
      });
  }
  ways.push({ sources: [{ type: "time" }], covers: nothing });
  const { sources, covers } = ways.length === 1 ? ways[0] : shortestOf(ways, spanOf(filter), lookup);
  return { rows: { sources }, covers };
}

interface Way {
  sources: Source[];
  covers: Path["covers"];
}

function shortestOf(ways: Way[], span: Span, lookup: Lookup): Way {
  const lengths = ways.map(({ sources }) => lengthOf(sources, span, lookup));
  return ways[lengths.indexOf(Math.min(...lengths))];
}

function lengthOf(sources: Source[], span: Span, lookup: Lookup): number {
  let length = 0;
  for (const source of sources) {
    length += lookup.countUpTo(source, span, COMPARED_ROWS - length);
    if (length >= COMPARED_ROWS) break;
  }
  return length;
}

/** What a row of the path must still fulfil, as far as the index knows. */
function createCheck(filter: Filter, { rows, covers }: Path, lookup: Lookup): (row: Row) => boolean {
  const checks: ((row: Row) => boolean)[] = [];
  if ("found" in rows) {
    const { since, until } = spanOf(filter);
    checks.push(({ createdAt }) => createdAt >= since && createdAt <= until);
  }
  const { authors, kinds } = filter;
  if (authors !== null && !covers.authors) {
    const pubkeys = new Set(pubkeysOf(authors, lookup));
    checks.push(({ pubkey }) => pubkeys.has(pubkey));
  }
  if (kinds !== null && !covers.kinds) {
    // There may be thousands of ranges.
    const wanted = memoize((kind: number) => isInRanges(kind, kinds));
    checks.push(({ kind }) => wanted(kind));
  }
  for (const { name, values } of filter.tags) {
    if (name === covers.tag || !lookup.indexedTags.has(name) || values.length > MAX_TAG_CHECKS) continue;
    const hashes = hashesOf(name, values);
    checks.push((row) => hashes.some((hash) => lookup.hasTag(row, hash)));
  }
  return (row) => checks.every((check) => check(row));
}

function memoize<K, V>(of: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    const value = known.get(key) ?? of(key);
    known.set(key, value);
    return value;
  };
}

function hashesOf(name: string, values: string[]): number[] {
  return [...new Set(values)].map((value) => tagHash(name, value));
}

function tagSource(hash: number): Source {
  return { type: "tag", hash };
}

/** The row numbers of the authors that the archive has. */
function pubkeysOf(authors: string[], lookup: Lookup): number[] {
  return [...new Set(authors)].map((author) => lookup.pubkey(Buffer.from(author, "hex"))).filter((row) => row !== null);
}

function compareNewestFirst(a: Row, b: Row): number {
  return b.createdAt - a.createdAt || Buffer.compare(a.id, b.id);
}

function compareOldestFirst(a: Row, b: Row): number {
  return a.createdAt - b.createdAt || Buffer.compare(a.id, b.id);
}
