import { EXIT, ProtonBeamError } from "../errors.ts";
import { readVarint, varintSize } from "../event/varint.ts";
import type { Member } from "../reduce/day-file.ts";
import { readGzipMembers } from "./gzip-members.ts";

/** The largest event that is believed in: larger lengths are damage. */
const MAX_RECORD_BYTES = 1024 ** 3;
const MAX_DELIMITER_BYTES = 5;

/** A row of whole events, each after its varint length. */
export interface DayBlock {
  /** Counts the members of the file. */
  member: number;
  /** Where the block begins in the uncompressed member. */
  position: number;
  records: Buffer;
}

/** What a daily file consists of, in its order: blocks of events, and after the blocks of a member the member itself. */
export type DayPart = { block: DayBlock } | { member: Member };

/** The gzip is whole, but its content is no row of events. */
export class StrangeContent extends ProtonBeamError {}

/**
 * Reads a daily file of this or another tool, in memory bounded by its largest event or 1 MiB.
 * @param stored the bytes of the file from `start` on, where a member begins
 * @throws {DamagedMember} when the gzip is damaged; {@link StrangeContent} when its content is no row of events
 */
export async function* readDayParts(
  place: string,
  stored: AsyncIterable<Uint8Array>,
  start = 0,
): AsyncGenerator<DayPart> {
  let member = 0;
  let size = 0;
  let events = 0;
  let rest = Buffer.alloc(0);
  for await (const { offset, data, length } of readGzipMembers(stored, start)) {
    const position = size - rest.length;
    const bytes = rest.length === 0 ? data : Buffer.concat([rest, data]);
    size += data.length;
    const { end, count } = wholeRecords(bytes);
    if (end < 0) throw noEvents(place, offset, position);
    events += count;
    if (end > 0) yield { block: { member, position, records: bytes.subarray(0, end) } };
    rest = Buffer.from(bytes.subarray(end));
    if (length === null) continue;
    if (rest.length > 0) throw noEvents(place, offset, size - rest.length);
    yield { member: { offset, length, size, events } };
    member++;
    size = 0;
    events = 0;
  }
}

/** Where the last whole event of `bytes` ends, and how many there are; -1 when they are no row of events. */
function wholeRecords(bytes: Buffer): { end: number; count: number } {
  let end = 0;
  let count = 0;
  while (end < bytes.length) {
    if (bytes.length - end < MAX_DELIMITER_BYTES && bytes[bytes.length - 1] >= 0x80) break;
    const length = readVarint(bytes, end);
    if (!(length > 0 && length <= MAX_RECORD_BYTES)) return { end: -1, count };
    const next = end + varintSize(length) + length;
    if (next > bytes.length) break;
    end = next;
    count++;
  }
  return { end, count };
}

function noEvents(place: string, offset: number, position: number): StrangeContent {
  return new StrangeContent(
    `${place}: the gzip member at byte ${offset} holds something else than whole events at byte ${position} of its content`,
    EXIT.failed,
  );
}

/** The events of a row of delimited events: where each begins (its length included) and its own bytes. */
export function* splitRecords(records: Buffer): Generator<{ at: number; start: number; end: number }> {
  for (let at = 0; at < records.length; ) {
    const length = readVarint(records, at);
    const start = at + varintSize(length);
    yield { at, start, end: start + length };
    at = start + length;
  }
}
