import type { ArchiveFiles } from "../archive/files.ts";
import { DamagedMember, readGzipMembers } from "../archive/gzip-members.ts";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { readVarint, varintSize } from "../event/varint.ts";
import type { MemberPlace } from "./lookup.ts";

/** Larger members, as other tools write them, are never in memory as a whole. */
const LARGE_BYTES = 32 * 1024 ** 2;
const MAX_DELIMITER_BYTES = 5;

/** Gives the content of gzip members, and keeps the ones used last. */
export interface MemberStore {
  /**
   * The uncompressed members, none of them {@link isLarge}; those that follow one another in a file come by one ranged read.
   * @throws {ProtonBeamError} when one is damaged or not what the index says
   */
  load(members: MemberPlace[]): Promise<Buffer[]>;
}

export function isLarge({ size }: MemberPlace): boolean {
  return size > LARGE_BYTES;
}

/** @param cacheBytes uncompressed bytes that are kept */
export function createMemberStore(files: ArchiveFiles, cacheBytes: number): MemberStore {
  // In the order of their last use.
  const kept = new Map<number, Buffer>();
  const underWay = new Map<number, Promise<Buffer>>();
  let keptBytes = 0;

  const keep = (id: number, bytes: Buffer) => {
    kept.set(id, bytes);
    keptBytes += bytes.length;
    for (const [oldest, { length }] of kept) {
      if (keptBytes <= cacheBytes) break;
      kept.delete(oldest);
      keptBytes -= length;
    }
  };
  const take = (id: number): Buffer | undefined => {
    const bytes = kept.get(id);
    if (bytes === undefined) return undefined;
    kept.delete(id);
    kept.set(id, bytes);
    return bytes;
  };
  const read = (row: MemberPlace[]) => {
    const [first] = row;
    const last = row[row.length - 1];
    const stored = files.read(first.path, first.offset, last.offset + last.length - first.offset);
    for (const member of row) {
      const content = stored
        .then((bytes) => {
          const start = member.offset - first.offset;
          const inflated = inflate(files, member, bytes.subarray(start, start + member.length));
          keep(member.id, inflated);
          return inflated;
        })
        .finally(() => underWay.delete(member.id));
      content.catch(() => {});
      underWay.set(member.id, content);
    }
  };

  return {
    load: (members) => {
      const missing = members.filter(({ id }) => !kept.has(id) && !underWay.has(id));
      for (const row of adjacentRows(missing)) read(row);
      return Promise.all(
        members.map(({ id }) => take(id) ?? underWay.get(id) ?? Promise.reject(new Error("no member"))),
      );
    },
  };
}

/** Divides members into rows that follow one another without a gap. */
function adjacentRows(members: MemberPlace[]): MemberPlace[][] {
  const rows: MemberPlace[][] = [];
  for (const member of members.toSorted(compareMembers)) {
    const row = rows.at(-1);
    const last = row?.at(-1);
    if (row !== undefined && last?.path === member.path && last.offset + last.length === member.offset)
      row.push(member);
    else rows.push([member]);
  }
  return rows;
}

/** The order of the files, and in a file of its bytes. */
export function compareMembers(a: MemberPlace, b: MemberPlace): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.offset - b.offset;
}

function inflate(files: ArchiveFiles, member: MemberPlace, bytes: Buffer): Buffer {
  let content: Uint8Array;
  try {
    content = Bun.gunzipSync(new Uint8Array(bytes), { library: "libdeflate" });
  } catch (error) {
    throw unexpected(files, member, `is damaged: ${errorMessage(error)}`);
  }
  if (content.length !== member.size)
    throw unexpected(files, member, `has ${content.length} bytes, but the index says ${member.size}`);
  return Buffer.from(content.buffer, content.byteOffset, content.length);
}

/** The encoded event whose length is at `position`; null when there is none, or not all of it. */
export function recordAt(content: Buffer, position: number): Buffer | null {
  if (position >= content.length) return null;
  const length = readVarint(content, position);
  const start = position + varintSize(length);
  return length > 0 && start + length <= content.length ? content.subarray(start, start + length) : null;
}

/**
 * The encoded events at the positions, ascending, of a member of any size. Each is valid until the next one is taken.
 * @throws {ProtonBeamError} when the member is damaged or has no such events
 */
export async function* readRecords(
  files: ArchiveFiles,
  member: MemberPlace,
  positions: number[],
): AsyncGenerator<Buffer> {
  const { path, offset, length } = member;
  let next = 0;
  let begin = 0;
  let rest = Buffer.alloc(0);
  try {
    for await (const { data } of readGzipMembers(files.stream(path, offset, offset + length), offset)) {
      const bytes = rest.length === 0 ? data : Buffer.concat([rest, data]);
      const end = begin + bytes.length;
      for (; next < positions.length; next++) {
        const at = positions[next] - begin;
        // A length that is cut in the middle must not be read.
        const record = at + MAX_DELIMITER_BYTES <= bytes.length || end === member.size ? recordAt(bytes, at) : null;
        if (record === null) break;
        yield record;
      }
      if (next === positions.length) return;
      const from = Math.min(positions[next], end);
      rest = Buffer.from(bytes.subarray(from - begin));
      begin = from;
    }
  } catch (error) {
    if (error instanceof DamagedMember) throw unexpected(files, member, `is damaged: ${error.message}`);
    throw error;
  }
  throw noSuchEvent(files, member, positions[next]);
}

export function noSuchEvent(files: ArchiveFiles, member: MemberPlace, position: number): ProtonBeamError {
  return unexpected(files, member, `has at byte ${position} of its content another event than the index says, or none`);
}

function unexpected(files: ArchiveFiles, { path, offset }: MemberPlace, what: string): ProtonBeamError {
  return new ProtonBeamError(
    `${files.place(path)}: the gzip member at byte ${offset} ${what}. If the archive was replaced in the meantime, ` +
      `run the same command again; else find out with: proton-beam verify ${files.place("")}`,
    EXIT.failed,
  );
}
