import { Database, type Statement } from "bun:sqlite";
import { SECONDS_PER_DAY } from "../event/date.ts";
import type { Member } from "../reduce/day-file.ts";

/** A row of an index about an event of some day. */
export interface EventRow {
  rowid: number;
  id: Uint8Array;
  /** Null when the index has lost it. */
  pubkey: Uint8Array | null;
  createdAt: number;
  kind: number;
  /** Row of the member, and what the index says of it. */
  memberId: number;
  position: number;
}

/** What an index says of a daily file and of the events of its day. All methods throw SQLite's error when it is damaged. */
export interface DayIndex {
  members: Member[];
  /** Whether each member begins where the one before ends, as in a file; else they are of no use. */
  areInRow: boolean;
  /** The number of a member in the file, by its row in the index. */
  numbers: Map<number, number>;
  /** By member and position. */
  rows(): Iterator<EventRow>;
  /** Where the index has the event, in words; null when it does not. */
  placeOf(id: string): string | null;
  hasTag(hash: number, createdAt: number, rowid: number): boolean;
  close(): void;
}

const ROWS = `
SELECT event.rowid AS rowid, event.id, pubkey.pubkey, event.created_at AS createdAt, event.kind,
       event.member AS memberId, event.position
FROM event LEFT JOIN pubkey ON pubkey.id = event.pubkey
WHERE event.created_at >= ? AND event.created_at < ? ORDER BY event.member, event.position`;

const PLACE = `
SELECT file.path || ', member at byte ' || member.offset || ', byte ' || event.position AS place
FROM event JOIN member ON member.id = event.member JOIN file ON file.id = member.file WHERE event.id = ?`;

/**
 * @param day null for a file whose name is no date: the index has no rows of it
 * @throws {Error} of SQLite when the index is damaged
 */
export function openDayIndex(indexPath: string, path: string, day: number | null): DayIndex {
  const db = new Database(indexPath, { readonly: true });
  try {
    const members = db
      .query<Member & { id: number }, [string]>(
        `SELECT member.id, offset, length, size, events FROM member JOIN file ON file.id = member.file
         WHERE file.path = ? ORDER BY member.id`,
      )
      .all(path);
    const from = (day ?? 0) * SECONDS_PER_DAY;
    const to = day === null ? from : from + SECONDS_PER_DAY;
    let findTag: Statement<{ found: number }, [number, number, number]> | null = null;
    return {
      members: members.map(({ offset, length, size, events }) => ({ offset, length, size, events })),
      areInRow: members.every(
        ({ offset }, i) => offset === (i === 0 ? 0 : members[i - 1].offset + members[i - 1].length),
      ),
      numbers: new Map(members.map(({ id }, number) => [id, number])),
      rows: () => db.query<EventRow, [number, number]>(ROWS).iterate(from, to),
      placeOf: (id) => db.query<{ place: string }, [Buffer]>(PLACE).get(Buffer.from(id, "hex"))?.place ?? null,
      hasTag: (hash, createdAt, rowid) => {
        findTag ??= db.query("SELECT 1 AS found FROM tag WHERE hash = ? AND created_at = ? AND event = ?");
        return findTag.get(hash, createdAt, rowid) !== null;
      },
      close: () => db.close(),
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The rows of a day beside the events of its file, both in the order of the file. */
export interface RowCursor {
  /** The row of the event at a place; null when there is none. Rows that are passed over have no event. */
  take(member: number, position: number): EventRow | null;
  /** Passes over the rows of a member from where the last event was. */
  lose(member: number): EventRow[];
  /** Passes over all that is left. */
  finish(): void;
  /** Rows that were seen. */
  count(): number;
}

/**
 * @param onOrphan told of a row that points to where no event is
 * @param onStray told of a row that points into the file of another day
 */
export function createRowCursor(
  { rows, numbers }: DayIndex,
  onOrphan: (row: EventRow, member: number) => void,
  onStray: (row: EventRow) => void,
): RowCursor {
  const source = rows();
  let count = 0;
  let current: { row: EventRow; member: number } | null = null;

  const advance = () => {
    for (;;) {
      const next = source.next();
      if (next.done) {
        current = null;
        return;
      }
      count++;
      const member = numbers.get(next.value.memberId);
      if (member !== undefined) {
        current = { row: next.value, member };
        return;
      }
      onStray(next.value);
    }
  };
  advance();
  return {
    take: (member, position) => {
      while (
        current !== null &&
        (current.member < member || (current.member === member && current.row.position < position))
      ) {
        onOrphan(current.row, current.member);
        advance();
      }
      if (current?.member !== member || current.row.position !== position) return null;
      const { row } = current;
      advance();
      return row;
    },
    lose: (member) => {
      const lost: EventRow[] = [];
      while (current !== null && current.member <= member) {
        if (current.member === member) lost.push(current.row);
        else onOrphan(current.row, current.member);
        advance();
      }
      return lost;
    },
    finish: () => {
      while (current !== null) {
        onOrphan(current.row, current.member);
        advance();
      }
    },
    count: () => count,
  };
}
