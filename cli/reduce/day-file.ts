import { closeSync, openSync, readSync } from "node:fs";
import { z } from "zod";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { varintSize, writeVarint } from "../event/varint.ts";
import type { ConvertOptions } from "../plan/options.ts";
import type { AtomicFile } from "../store/atomic.ts";

/** Uncompressed bytes after which a gzip member is closed. */
const MEMBER_BYTES = 1024 ** 2;

/** A gzip member of a daily file: where it is, and the uncompressed bytes and events it holds. */
export const memberSchema = z.object({ offset: z.number(), length: z.number(), size: z.number(), events: z.number() });
export type Member = z.infer<typeof memberSchema>;

export function countEvents(members: Member[]): number {
  return members.reduce((sum, { events }) => sum + events, 0);
}

/** Where an event is: the number of its member, and the offset of its length prefix in the uncompressed member. */
export interface EventPlace {
  member: number;
  position: number;
}

/** Writes delimited events as gzip members of about 1 MiB (RFC 1952); which events share a member depends on them only. */
export interface DayFileWriter {
  add(block: Buffer, start: number, end: number): EventPlace;
  finish(): { size: number; sha256: string; members: Member[] };
}

export function createDayFileWriter(
  file: AtomicFile,
  compressionLevel: ConvertOptions["compressionLevel"],
): DayFileWriter {
  let raw = Buffer.allocUnsafe(2 * MEMBER_BYTES);
  let used = 0;
  let events = 0;
  let size = 0;
  const members: Member[] = [];
  const hash = new Bun.CryptoHasher("sha256");

  const closeMember = () => {
    if (used === 0) return;
    const bytes = Bun.gzipSync(raw.subarray(0, used), { level: compressionLevel, library: "libdeflate" });
    file.write(bytes);
    hash.update(bytes);
    members.push({ offset: size, length: bytes.length, size: used, events });
    size += bytes.length;
    used = 0;
    events = 0;
  };

  return {
    add: (block, start, end) => {
      const length = end - start;
      const needed = used + varintSize(length) + length;
      if (needed > raw.length) {
        const grown = Buffer.allocUnsafe(needed);
        raw.copy(grown, 0, 0, used);
        raw = grown;
      }
      const place = { member: members.length, position: used };
      used = writeVarint(raw, used, length);
      used += block.copy(raw, used, start, end);
      events++;
      if (used >= MEMBER_BYTES) closeMember();
      return place;
    },
    finish: () => {
      closeMember();
      return { size, sha256: hash.digest("hex"), members };
    },
  };
}

/**
 * The members of a daily file, uncompressed, one at a time.
 * @throws {ProtonBeamError} when a member is cut short or damaged; Error of the system when the file is missing
 */
export function* readMembers(path: string, members: Member[]): Generator<Buffer> {
  const file = openSync(path, "r");
  try {
    for (const { offset, length } of members) yield readMember(path, file, offset, length);
  } finally {
    closeSync(file);
  }
}

function readMember(path: string, file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  try {
    if (readSync(file, bytes, 0, length, offset) !== length) throw new Error("the file ends in it");
    return Buffer.from(Bun.gunzipSync(bytes));
  } catch (cause) {
    throw new ProtonBeamError(
      `${path} is damaged in the gzip member at byte ${offset}: ${errorMessage(cause)}. Nothing was changed. ` +
        "Restore the file from a copy, then run the same command again.",
      EXIT.failed,
      { cause },
    );
  }
}
