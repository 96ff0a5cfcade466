import { setImmediate } from "node:timers/promises";
import type { ArchiveFiles } from "../archive/files.ts";
import { decodeEvent } from "../event/decode.ts";
import { createJsonLines } from "../event/json.ts";
import { scanEvent } from "../event/scan.ts";
import { type Candidate, findCandidates } from "./candidates.ts";
import type { Filter } from "./filter.ts";
import type { Lookup, MemberPlace, Order } from "./lookup.ts";
import { type ContentFilter, createMatcher, type Matcher } from "./matcher.ts";
import { compareMembers, isLarge, type MemberStore, noSuchEvent, readRecords, recordAt } from "./members.ts";

const ID_DIGITS = 64;
/** The room for lines that a batch begins with: for so many events, of so many bytes each. */
const FIRST_ROOM_EVENTS = 1024;
const ROOM_OF_EVENT = 2048;
/** Bounds of the largest batch: its events, their bytes, the members that they are in, and the bytes of these. */
const MAX_EVENTS = 16_384;
const MAX_EVENT_BYTES = 2 * 1024 ** 2;
const MAX_MEMBERS = 64;
const MAX_MEMBER_BYTES = 16 * 1024 ** 2;
/** Members that are in memory at once, and their compressed bytes. */
const WINDOW_MEMBERS = 16;
const WINDOW_BYTES = 8 * 1024 ** 2;

/** Candidates that are read together, in their order. Plain data: it is handed to threads. */
export interface Batch {
  members: MemberPlace[];
  /** Of each candidate: the number of its member in `members`, its position in it, its id, and the filters it may match. */
  member: Uint32Array;
  position: Float64Array;
  ids: Uint8Array;
  filters: number[][];
  /** Uncompressed bytes of the members, without the one that the batch before ended in. */
  bytes: number;
}

/** What a batch came to. */
export interface BatchResult {
  /** The events that match, as JSON Lines in UTF-8, in order. */
  lines: Uint8Array;
  /** Of each of them: where its line ends, and the numbers of the filters that it matches. */
  ends: Uint32Array;
  filters: number[][];
  /** Candidates and bytes that were looked at. */
  scanned: number;
  bytes: number;
}

/** The results of batches that follow one another, as one. */
export function joinResults(results: BatchResult[]): BatchResult {
  const sum = (of: (result: BatchResult) => number) => results.reduce((total, result) => total + of(result), 0);
  const ends = new Uint32Array(sum((result) => result.ends.length));
  let count = 0;
  let bytes = 0;
  for (const { lines, ends: own } of results) {
    for (const end of own) ends[count++] = bytes + end;
    bytes += lines.length;
  }
  return {
    lines: Buffer.concat(results.map(({ lines }) => lines)),
    ends,
    filters: results.flatMap(({ filters }) => filters),
    scanned: sum(({ scanned }) => scanned),
    bytes: sum((result) => result.bytes),
  };
}

/** Collects candidates into batches that grow from a few events to a few megabytes. */
export interface BatchBuilder {
  /** Whether the candidates collected so far should be read before this one is added. */
  isFullBefore(candidate: Candidate): boolean;
  add(candidate: Candidate): void;
  /** The candidates collected, or null when there are none; the next batch begins. */
  take(): Batch | null;
}

/** @param firstEvents how many candidates the first batch is to have */
export function createBatchBuilder(lookup: Lookup, firstEvents: number): BatchBuilder {
  let maxEvents = firstEvents;
  let candidates: Candidate[] = [];
  let numbers = new Map<number, number>();
  let members: MemberPlace[] = [];
  let eventBytes = 0;
  let memberBytes = 0;
  // Where the candidate before is, maybe in the batch before.
  let lastMember: number | null = null;

  return {
    isFullBefore: ({ member }) => {
      if (eventBytes >= MAX_EVENT_BYTES || candidates.length >= MAX_EVENTS) return true;
      // A member is read once for a batch: a batch had better end where another member begins.
      if (numbers.has(member) && candidates.length < 2 * maxEvents) return false;
      return candidates.length >= maxEvents || members.length >= MAX_MEMBERS || memberBytes >= MAX_MEMBER_BYTES;
    },
    add: (candidate) => {
      const place = lookup.member(candidate.member);
      if (!numbers.has(place.id)) {
        numbers.set(place.id, members.length);
        members.push(place);
        if (place.id !== lastMember) memberBytes += place.size;
      }
      lastMember = place.id;
      candidates.push(candidate);
      eventBytes += place.size / Math.max(place.events, 1);
    },
    take: () => {
      if (candidates.length === 0) return null;
      const batch: Batch = {
        members,
        member: Uint32Array.from(candidates, ({ member }) => numbers.get(member) ?? 0),
        position: Float64Array.from(candidates, ({ position }) => position),
        ids: Buffer.concat(candidates.map(({ id }) => id)),
        filters: candidates.map(({ filters }) => filters),
        bytes: memberBytes,
      };
      maxEvents = Math.min(2 * maxEvents, MAX_EVENTS);
      candidates = [];
      numbers = new Map();
      members = [];
      eventBytes = 0;
      memberBytes = 0;
      return batch;
    },
  };
}

/** The first batch of a query is small, so that its first events are there soon. */
const FIRST_EVENTS = 32;

/** The candidates of filters in batches; `null` for every {@link ROWS_IN_VAIN} rows of the index that were none. */
export function* cutBatches(filters: Filter[], lookup: Lookup, order: Order): Generator<Batch | null> {
  const wanted = filters.reduce((sum, { limit }) => sum + (limit ?? FIRST_EVENTS), 0);
  const builder = createBatchBuilder(lookup, Math.min(wanted, FIRST_EVENTS));
  for (const candidate of findCandidates(filters, lookup, order)) {
    if (candidate === null || builder.isFullBefore(candidate)) {
      const batch = builder.take();
      if (batch !== null) yield batch;
    }
    if (candidate === null) yield null;
    else builder.add(candidate);
  }
  const last = builder.take();
  if (last !== null) yield last;
}

/**
 * Reads the candidates of a batch and keeps those that match.
 * @throws {ProtonBeamError} when a member is damaged, or an event is another than the index says
 */
export async function readBatch(
  batch: Batch,
  filters: ContentFilter[],
  files: ArchiveFiles,
  store: MemberStore,
): Promise<BatchResult> {
  const { members, member, position, bytes } = batch;
  const matchers = filters.map(createMatcher);
  const found = new Array<{ from: number; to: number; filters: number[] } | null>(member.length).fill(null);
  const lines = createJsonLines(Math.min(member.length, FIRST_ROOM_EVENTS) * ROOM_OF_EVENT);
  const ids = Buffer.from(batch.ids.buffer, batch.ids.byteOffset, batch.ids.length).toString("hex");

  const look = (n: number, record: Buffer | null) => {
    const id = ids.slice(n * ID_DIGITS, (n + 1) * ID_DIGITS);
    if (record === null || idOf(record) !== id) throw noSuchEvent(files, members[member[n]], position[n]);
    const promising = batch.filters[n].filter((filter) => matchers[filter].mayMatch(record));
    if (promising.length === 0) return;
    try {
      const matching = matchingOf(record, promising, matchers);
      if (matching.length === 0) return;
      const from = lines.length();
      lines.add(record, 0, record.length);
      found[n] = { from, to: lines.length(), filters: matching };
    } catch {
      throw noSuchEvent(files, members[member[n]], position[n]);
    }
  };

  const candidatesOf: number[][] = members.map(() => []);
  for (let n = 0; n < member.length; n++) candidatesOf[member[n]].push(n);
  const order = members.map((_, i) => i).sort((a, b) => compareMembers(members[a], members[b]));
  for (const window of windowsOf(
    order.filter((i) => !isLarge(members[i])),
    members,
  )) {
    const contents = await store.load(window.map((i) => members[i]));
    for (const [at, i] of window.entries()) {
      for (const n of candidatesOf[i]) look(n, recordAt(contents[at], position[n]));
      // Members that are in memory already are no occasion for others to do something.
      await setImmediate();
    }
  }
  for (const i of order.filter((i) => isLarge(members[i]))) {
    const ascending = candidatesOf[i].sort((a, b) => position[a] - position[b]);
    const records = readRecords(
      files,
      members[i],
      ascending.map((n) => position[n]),
    );
    let at = 0;
    for await (const record of records) look(ascending[at++], record);
  }
  const json = lines.bytes();
  const matching = found.filter((one) => one !== null);
  let end = 0;
  return {
    lines: Buffer.concat(matching.map(({ from, to }) => json.subarray(from, to))),
    ends: Uint32Array.from(matching, ({ from, to }) => (end += to - from)),
    filters: matching.map(({ filters }) => filters),
    scanned: member.length,
    bytes,
  };
}

/** The id in an encoded event, or null when it is none. */
function idOf(record: Buffer): string | null {
  const scanned = scanEvent(record, 0, record.length);
  return scanned === null ? null : record.toString("latin1", scanned.idAt, scanned.idAt + ID_DIGITS);
}

/** Those of the filters that the event matches. Only what they ask of tags and text makes it necessary to decode it. */
function matchingOf(record: Buffer, filters: number[], matchers: Matcher[]): number[] {
  if (filters.every((filter) => matchers[filter].takesAll)) return filters;
  const event = decodeEvent(record);
  return filters.filter((filter) => matchers[filter].matches(event));
}

function* windowsOf(order: number[], members: MemberPlace[]): Generator<number[]> {
  let window: number[] = [];
  let bytes = 0;
  for (const i of order) {
    if (window.length > 0 && (window.length >= WINDOW_MEMBERS || bytes + members[i].length > WINDOW_BYTES)) {
      yield window;
      window = [];
      bytes = 0;
    }
    window.push(i);
    bytes += members[i].length;
  }
  if (window.length > 0) yield window;
}
