import { z } from "zod";
import { type ContainerWriter, readFooter, readFrames, type Section, sectionSchema } from "../store/container.ts";
import { type EventPlace, memberSchema } from "./day-file.ts";

/*
 * The rows file of a day is the commit record of its daily file and the source of its index rows. A row is
 * id (32 bytes), pubkey (32), created_at (f64), kind (i32), member (u32), position (f64: other tools may write a whole day as
 * one gzip member), number of tags (u32), and of each tag its hash (f64); numbers are little-endian.
 */
const FIXED_BYTES = 92;
const TAG_BYTES = 8;
const NO_TAGS: number[] = [];

/** What the reduce of a day made. `added` counts the events that the archive did not have before. */
export const dayRecordSchema = z.object({
  day: z.number().int(),
  fingerprint: z.string(),
  size: z.number(),
  sha256: z.string(),
  events: z.number().int(),
  added: z.number().int(),
  duplicates: z.number().int(),
  members: z.array(memberSchema),
  rows: sectionSchema,
});
export type DayRecord = z.infer<typeof dayRecordSchema>;

/** What the main thread needs of a finished day: little, whatever the size of the day. */
export type DaySummary = Omit<DayRecord, "members" | "rows">;

/** One event as the index needs it. */
export interface IndexRow extends EventPlace {
  id: Uint8Array;
  pubkey: Uint8Array;
  createdAt: number;
  kind: number;
  /** Hashes of the tags that can be looked up, each once; none when left out. */
  tags?: number[];
}

/** Appends rows to the open section of a rows file. */
export function createRowWriter(rows: ContainerWriter): (row: IndexRow) => void {
  let bytes = Buffer.allocUnsafe(FIXED_BYTES);
  return ({ id, pubkey, createdAt, kind, member, position, tags = [] }) => {
    const length = FIXED_BYTES + TAG_BYTES * tags.length;
    if (length > bytes.length) bytes = Buffer.allocUnsafe(length);
    bytes.set(id, 0);
    bytes.set(pubkey, 32);
    bytes.writeDoubleLE(createdAt, 64);
    bytes.writeInt32LE(kind, 72);
    bytes.writeUInt32LE(member, 76);
    bytes.writeDoubleLE(position, 80);
    bytes.writeUInt32LE(tags.length, 88);
    for (let i = 0; i < tags.length; i++) bytes.writeDoubleLE(tags[i], FIXED_BYTES + TAG_BYTES * i);
    rows.append(bytes.subarray(0, length));
  };
}

/** The record of a finished day, or null when the file is missing, damaged or of another plan than that of `fingerprint`. */
export function readDayRecord(path: string, fingerprint: string | null): DayRecord | null {
  const record = readFooter(path, dayRecordSchema);
  return fingerprint === null || record?.fingerprint === fingerprint ? record : null;
}

/** The rows of a day in the order of its file. */
export function* readRows(path: string, section: Section): Generator<IndexRow> {
  for (const frame of readFrames(path, section)) {
    for (let at = 0; at < frame.length; ) {
      const tagsAt = at + FIXED_BYTES;
      const count = frame.readUInt32LE(at + 88);
      yield {
        id: frame.subarray(at, at + 32),
        pubkey: frame.subarray(at + 32, at + 64),
        createdAt: frame.readDoubleLE(at + 64),
        kind: frame.readInt32LE(at + 72),
        member: frame.readUInt32LE(at + 76),
        position: frame.readDoubleLE(at + 80),
        tags:
          count === 0 ? NO_TAGS : Array.from({ length: count }, (_, i) => frame.readDoubleLE(tagsAt + TAG_BYTES * i)),
      };
      at = tagsAt + TAG_BYTES * count;
    }
  }
}
