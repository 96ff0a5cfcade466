import { splitRecords } from "../archive/day-stream.ts";
import { type ArchiveFiles, openFiles } from "../archive/files.ts";
import type { ArchiveLocation } from "../archive/location.ts";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { decodeEvent } from "../event/decode.ts";
import type { NostrEvent } from "../event/event.ts";
import { createJsonLines } from "../event/json.ts";
import type { S3Clients } from "../net/s3.ts";
import type { Member } from "../reduce/day-file.ts";
import { compressBytes } from "./compress.ts";
import type { Encoding } from "./encoding.ts";
import type { DayMembers } from "./groups.ts";
import { encodeRowGroup, type RowGroups } from "./parquet.ts";
import { isDayWithin, isInRange, type TimeRange } from "./time-range.ts";

/** Events that are to be encoded: in daily files, or taken from one. */
export type GroupSource =
  | { kind: "members"; pieces: DayMembers[] }
  | { kind: "records"; path: string; records: Uint8Array };

/** What the threads of an export do. */
export type ExportTasks = {
  encode: {
    task: { location: ArchiveLocation; source: GroupSource; range: TimeRange; encoding: Encoding };
    result: EncodedGroup;
  };
};

/** The module of these threads. */
export const EXPORT_WORKER = new URL("./export-worker.ts", import.meta.url);

export interface EncodedGroup {
  events: number;
  bytes: Uint8Array;
  /** Of Parquet; see `placeRowGroups`. */
  rowGroups: RowGroups;
}

/**
 * Reads a group of events and encodes those of the range.
 * @throws {ProtonBeamError} when a daily file is damaged, or is not the one that the index knows
 */
export async function encodeGroup(
  { location, source, range, encoding }: ExportTasks["encode"]["task"],
  clients: S3Clients,
): Promise<EncodedGroup> {
  const files = openFiles(location, clients);
  const encoder = encoding.format === "parquet" ? parquetEncoder(encoding.compress) : linesEncoder(encoding.compress);
  let events = 0;
  for await (const { path, place, records } of readContents(files, source)) {
    const within = isDayWithin(path, range) ? null : range;
    events += explained(place, () => addRecords(encoder, records, within));
  }
  return { events, ...(events === 0 ? { bytes: new Uint8Array(), rowGroups: [] } : encoder.finish()) };
}

/** Takes events, and gives them encoded. */
interface Encoder {
  add(records: Buffer, start: number, end: number): void;
  addEvent(event: NostrEvent): void;
  finish(): Pick<EncodedGroup, "bytes" | "rowGroups">;
}

const FIRST_ROOM_BYTES = 1024 ** 2;

function linesEncoder(compress: Encoding["compress"]): Encoder {
  const lines = createJsonLines(FIRST_ROOM_BYTES);
  return {
    add: lines.add,
    addEvent: lines.addEvent,
    finish: () => ({ bytes: compressBytes(lines.bytes(), compress), rowGroups: [] }),
  };
}

function parquetEncoder(compress: Encoding["compress"]): Encoder {
  const events: NostrEvent[] = [];
  return {
    add: (records, start, end) => events.push(decodeEvent(records.subarray(start, end))),
    addEvent: (event) => events.push(event),
    finish: () => encodeRowGroup(events, compress),
  };
}

/** @returns how many events of the range there were */
function addRecords(encoder: Encoder, records: Buffer, range: TimeRange | null): number {
  let events = 0;
  for (const { start, end } of splitRecords(records)) {
    if (range === null) encoder.add(records, start, end);
    else {
      const event = decodeEvent(records.subarray(start, end));
      if (!isInRange(event.created_at, range)) continue;
      encoder.addEvent(event);
    }
    events++;
  }
  return events;
}

async function* readContents(files: ArchiveFiles, source: GroupSource) {
  if (source.kind === "records") {
    yield { path: source.path, place: files.place(source.path), records: asBuffer(source.records) };
    return;
  }
  for (const { path, members } of source.pieces) {
    const place = files.place(path);
    const { offset: start } = members[0];
    const { offset, length } = members[members.length - 1];
    const stored = await files.read(path, start, offset + length - start);
    for (const member of members) {
      const from = member.offset - start;
      const records = inflateMember(stored.subarray(from, from + member.length), member, place);
      yield { path, place: `${place}, gzip member at byte ${member.offset}`, records };
    }
  }
}

function inflateMember(stored: Buffer, { offset, size }: Member, place: string): Buffer {
  let content: Uint8Array;
  try {
    content = Bun.gunzipSync(new Uint8Array(stored), { library: "libdeflate" });
  } catch (error) {
    throw damagedMember(place, offset, errorMessage(error));
  }
  if (content.length !== size)
    throw damagedMember(place, offset, `it holds ${content.length} bytes where the index says ${size}`);
  return asBuffer(content);
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** Runs `read` on content that passed its checksum, and is yet no row of events when it throws. */
function explained<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ProtonBeamError(
      `${place}: its content is no row of events: ${errorMessage(error)}. ${ADVICE}`,
      EXIT.failed,
    );
  }
}

const ADVICE = "Look at the whole archive with: proton-beam verify";

/** The error of a daily file that cannot be read. */
export function damagedMember(place: string, offset: number, why: string): ProtonBeamError {
  return new ProtonBeamError(
    `${place} is damaged in the gzip member at byte ${offset}, or not the file that the index knows: ${why}. ${ADVICE}`,
    EXIT.failed,
  );
}
