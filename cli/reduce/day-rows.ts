import { z } from "zod";
import { copyRecordKeys, recordCreatedAt, recordKind } from "../event/record.ts";
import { type ContainerWriter, readFooter, readFrames, type Section, sectionSchema } from "../store/container.ts";
import { type EventPlace, memberSchema } from "./day-file.ts";

/*
 * The rows file of a day is the commit record of its daily file and the source of its index rows. A row is
 * id (32 bytes), pubkey (32), created_at (f64), kind (i32), member (u32), position (u32); numbers are little-endian.
 */
const ROW_BYTES = 84;

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
}

/** Appends the row of the encoded event at `start`. */
export function createRowWriter(rows: ContainerWriter): (block: Buffer, start: number, place: EventPlace) => void {
  const row = Buffer.allocUnsafe(ROW_BYTES);
  return (block, start, { member, position }) => {
    copyRecordKeys(block, start, row, 0);
    row.writeDoubleLE(recordCreatedAt(block, start), 64);
    row.writeInt32LE(recordKind(block, start), 72);
    row.writeUInt32LE(member, 76);
    row.writeUInt32LE(position, 80);
    rows.append(row);
  };
}

/** The record of a finished day, or null when the file is missing, damaged or of another plan. */
export function readDayRecord(path: string, fingerprint: string): DayRecord | null {
  const record = readFooter(path, dayRecordSchema);
  return record?.fingerprint === fingerprint ? record : null;
}

/** The rows of a day in the order of its file. */
export function* readRows(path: string, section: Section): Generator<IndexRow> {
  for (const frame of readFrames(path, section)) {
    for (let at = 0; at < frame.length; at += ROW_BYTES) {
      yield {
        id: frame.subarray(at, at + 32),
        pubkey: frame.subarray(at + 32, at + 64),
        createdAt: frame.readDoubleLE(at + 64),
        kind: frame.readInt32LE(at + 72),
        member: frame.readUInt32LE(at + 76),
        position: frame.readUInt32LE(at + 80),
      };
    }
  }
}
