import { Database } from "bun:sqlite";
import { dayOf, EARLIEST, LATEST } from "../event/date.ts";
import { dayFileName, dayOfFile } from "../store/layout.ts";

/** Which of the events of the same second comes first is told by the id, ascending, in both orders (NIP-01). */
export type Order = "newest-first" | "oldest-first";

/** A row of the index. `row`, `pubkey` and `member` are row numbers. */
export interface Row {
  row: number;
  id: Uint8Array;
  pubkey: number;
  createdAt: number;
  kind: number;
  member: number;
  position: number;
}

/** A gzip member and the file it is in. */
export interface MemberPlace {
  id: number;
  path: string;
  offset: number;
  length: number;
  size: number;
  events: number;
}

/** Rows that an SQLite index has in the order of time. Only those of tags overlap. */
export type Source =
  | { type: "time" }
  | { type: "author"; pubkey: number }
  | { type: "kind"; kind: number }
  | { type: "tag"; hash: number };

/** Unix seconds, both ends included. */
export interface Span {
  since: number;
  until: number;
}

/** A day that has a daily file, and its uncompressed bytes. */
export interface DayBytes {
  day: number;
  bytes: number;
}

/** Looks things up in an `index.db`. */
export interface Lookup {
  /** The names of tags that can be looked up. */
  indexedTags: ReadonlySet<string>;
  byId(id: Uint8Array): Row | null;
  pubkey(pubkey: Uint8Array): number | null;
  /** The kinds of the ranges (both ends included) that events have, at most `limit`. */
  kindsIn(ranges: [number, number][], limit: number): number[];
  /** The next rows of a source behind the row `after`. */
  page(source: Source, span: Span, order: Order, after: Row | null, size: number): Row[];
  /** How many rows a source has. */
  count(source: Source, span: Span): number;
  /** The same, but no more than `limit`, and in time proportional to it. */
  countUpTo(source: Source, span: Span, limit: number): number;
  /** The time of the row that has `n` rows of the source before it; null when there are not so many. */
  timeOfNth(source: Source, span: Span, n: number): number | null;
  hasTag(row: Row, hash: number): boolean;
  /** @throws {Error} when there is no such member */
  member(id: number): MemberPlace;
  /** The daily files of a span, ascending. */
  days(span: Span): DayBytes[];
  close(): void;
}

const REMEMBERED_MEMBERS = 10_000;
const NO_ID = new Uint8Array(0);

const COLUMNS =
  "event.rowid AS row, event.id, event.pubkey, event.created_at AS createdAt, event.kind, event.member, event.position";

/** The rows of a source: the table that has their order, and what is true of it. `?` stands for the key. */
const SOURCES: Record<Source["type"], { from: string; key: string; time: string }> = {
  time: { from: "event", key: "? IS NOT NULL", time: "event.created_at" },
  author: { from: "event", key: "event.pubkey = ?", time: "event.created_at" },
  kind: { from: "event", key: "event.kind = ?", time: "event.created_at" },
  tag: { from: "tag", key: "tag.hash = ?", time: "tag.created_at" },
};
const EVENT_OF_TAG = "tag CROSS JOIN event ON event.rowid = tag.event";

/**
 * Opens an `index.db`; it must not change while it is open (it is replaced as a whole).
 * @throws {Error} of SQLite when the file is missing or no index
 */
export function openLookup(path: string): Lookup {
  const db = new Database(path, { readonly: true });
  const byId = db.prepare<Row, [Uint8Array]>(`SELECT ${COLUMNS} FROM event WHERE id = ?`);
  const pubkey = db.prepare<{ id: number }, [Uint8Array]>("SELECT id FROM pubkey WHERE pubkey = ?");
  const nextKind = db.prepare<{ kind: number | null }, [number]>("SELECT min(kind) AS kind FROM event WHERE kind >= ?");
  const member = db.prepare<MemberPlace, [number]>(
    `SELECT member.id, file.path, member.offset, member.length, member.size, member.events
     FROM member JOIN file ON file.id = member.file WHERE member.id = ?`,
  );
  const members = new Map<number, MemberPlace>();
  const indexedTags = readIndexedTags(db);
  const hasTag =
    indexedTags.size === 0
      ? null
      : db.prepare<unknown, [number, number, number]>(
          "SELECT 1 FROM tag WHERE hash = ? AND created_at = ? AND event = ?",
        );

  return {
    indexedTags,
    byId: (id) => byId.get(id),
    pubkey: (key) => pubkey.get(key)?.id ?? null,
    kindsIn: (ranges, limit) => {
      const kinds: number[] = [];
      // No kind from the ranges so far is left below it: it takes as many questions as the archive has kinds, not as there are ranges.
      let at = Number.NEGATIVE_INFINITY;
      for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
        at = Math.max(at, from);
        while (at <= to && kinds.length < limit) {
          const kind = nextKind.get(at)?.kind ?? null;
          if (kind === null) return kinds;
          if (kind <= to) kinds.push(kind);
          at = kind <= to ? kind + 1 : kind;
        }
      }
      return kinds;
    },
    page: (source, { since, until }, order, after, size) => {
      const newest = order === "newest-first";
      const from = newest || after === null ? since : after.createdAt;
      const to = newest && after !== null ? after.createdAt : until;
      return db
        .query<Row, [number, number, number, number, Uint8Array, number]>(pageSql(source, order))
        .all(keyOf(source), from, to, after?.createdAt ?? 0, after?.id ?? NO_ID, size);
    },
    count: (source, { since, until }) =>
      db
        .query<{ n: number }, [number, number, number]>(`SELECT count(*) AS n ${rowsSql(source)}`)
        .get(keyOf(source), since, until)?.n ?? 0,
    countUpTo: (source, { since, until }, limit) =>
      db
        .query<{ n: number }, [number, number, number, number]>(
          `SELECT count(*) AS n FROM (SELECT 1 ${rowsSql(source)} LIMIT ?)`,
        )
        .get(keyOf(source), since, until, limit)?.n ?? 0,
    timeOfNth: (source, { since, until }, n) => {
      const { time } = SOURCES[source.type];
      return (
        db
          .query<{ at: number }, [number, number, number, number]>(
            `SELECT ${time} AS at ${rowsSql(source)} ORDER BY ${time} LIMIT 1 OFFSET ?`,
          )
          .get(keyOf(source), since, until, n)?.at ?? null
      );
    },
    hasTag: ({ createdAt, row }, hash) => hasTag !== null && hasTag.get(hash, createdAt, row) !== null,
    member: (id) => {
      const known = members.get(id);
      if (known !== undefined) return known;
      const place = member.get(id);
      if (place === null) throw new Error(`${path} has no gzip member ${id}`);
      if (members.size >= REMEMBERED_MEMBERS) members.clear();
      members.set(id, place);
      return place;
    },
    days: ({ since, until }) =>
      db
        .query<{ path: string; bytes: number }, [string, string]>(
          `SELECT file.path, sum(size) AS bytes FROM member JOIN file ON file.id = member.file
           WHERE file.path BETWEEN ? AND ? GROUP BY file.path ORDER BY file.path`,
        )
        .all(fileOfTime(since), fileOfTime(until))
        .flatMap(({ path, bytes }) => {
          const day = dayOfFile(path);
          return day === null ? [] : [{ day, bytes }];
        }),
    close: () => db.close(),
  };
}

/** The name of the daily file that holds a time, or would. */
function fileOfTime(seconds: number): string {
  return dayFileName(dayOf(Math.max(EARLIEST, Math.min(LATEST, seconds))));
}

/** Older indexes have no tables of tags. */
function readIndexedTags(db: Database): Set<string> {
  const table = db.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'indexed_tag'").get();
  if (table === null) return new Set();
  return new Set(
    db
      .query<{ name: string }, []>("SELECT name FROM indexed_tag")
      .all()
      .map(({ name }) => name),
  );
}

function rowsSql({ type }: Source): string {
  const { from, key, time } = SOURCES[type];
  return `FROM ${from} WHERE ${key} AND ${time} >= ? AND ${time} <= ?`;
}

/** By pages, because thousands of sources are merged: one statement serves all of them, and none stays open. */
function pageSql({ type }: Source, order: Order): string {
  const { from, key, time } = SOURCES[type];
  return `SELECT ${COLUMNS} FROM ${type === "tag" ? EVENT_OF_TAG : from}
    WHERE ${key} AND ${time} >= ? AND ${time} <= ? AND (${time} <> ? OR event.id > ?)
    ORDER BY ${time} ${order === "newest-first" ? "DESC" : "ASC"}, event.id LIMIT ?`;
}

function keyOf(source: Source): number {
  if (source.type === "author") return source.pubkey;
  if (source.type === "kind") return source.kind;
  if (source.type === "tag") return source.hash;
  return 0;
}
