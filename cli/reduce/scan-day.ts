import { Database } from "bun:sqlite";
import { rmSync } from "node:fs";
import { z } from "zod";
import { readDayParts, splitRecords } from "../archive/day-stream.ts";
import { type ArchiveFiles, openFiles } from "../archive/files.ts";
import { DamagedMember } from "../archive/gzip-members.ts";
import type { ArchiveLocation } from "../archive/location.ts";
import { ProtonBeamError } from "../errors.ts";
import { dayOf } from "../event/date.ts";
import { scanEvent } from "../event/scan.ts";
import { createTagHasher } from "../index/tags.ts";
import type { S3Clients } from "../net/s3.ts";
import { renameDurably, TEMPORARY_SUFFIX } from "../store/atomic.ts";
import { createContainer, readFooter, verifySection } from "../store/container.ts";
import { countEvents, type Member } from "./day-file.ts";
import { createRowWriter, dayRecordSchema, readRows } from "./day-rows.ts";

const SEEN_CACHE_KIB = 65_536;

/** The daily file to look through, and where its rows go. */
export interface ScanDay {
  location: ArchiveLocation;
  path: string;
  day: number;
  rowsPath: string;
  /** Letters whose tags the index can look up. */
  indexTags: string[];
}

/** `misplaced` counts events of other days. */
const scannedDaySchema = dayRecordSchema.extend({ misplaced: z.number().int() });
type ScanRecord = z.infer<typeof scannedDaySchema>;

/** What was found in a daily file: `events` has each id once, `duplicates` the others. */
export type ScannedDay = Omit<ScanRecord, "members" | "rows" | "added">;

/**
 * Makes the rows file of a daily file of this or any other tool, which need not be sorted: of several events with one id the
 * first one gets the row. Memory does not grow with the file. The rows file is bound to the file's size, and ETag or
 * modification time: one that an earlier scan made is used again.
 * @throws {ProtonBeamError} when the file is damaged or holds something else than events
 */
export async function scanDay(job: ScanDay, clients: S3Clients): Promise<{ day: ScannedDay; reused: boolean }> {
  const files = openFiles(job.location, clients);
  const info = await files.stat(job.path);
  if (info === null) throw new ProtonBeamError(`${files.place(job.path)} is gone`);
  const fingerprint = fingerprintOf(job, info);
  const ready = readFooter(job.rowsPath, scannedDaySchema);
  if (ready?.fingerprint === fingerprint && verifySection(job.rowsPath, ready.rows))
    return { day: summaryOf(ready), reused: true };
  const allPath = `${job.rowsPath}.all${TEMPORARY_SUFFIX}`;
  try {
    const { record, isSorted } = await scanAll(job, files, info.size, fingerprint, allPath);
    // Where each event comes after the one before it, none comes twice.
    if (isSorted) renameDurably(allPath, job.rowsPath);
    return { day: summaryOf(isSorted ? record : keepFirst(record, allPath, job.rowsPath)), reused: false };
  } finally {
    rmSync(allPath, { force: true });
  }
}

/** Writes a row for every event of the file. */
async function scanAll(
  job: ScanDay,
  files: ArchiveFiles,
  size: number,
  fingerprint: string,
  rowsPath: string,
): Promise<{ record: ScanRecord; isSorted: boolean }> {
  const place = files.place(job.path);
  const hash = new Bun.CryptoHasher("sha256");
  const stored = async function* () {
    for await (const piece of files.stream(job.path, 0, size)) {
      hash.update(piece);
      yield piece;
    }
  };
  const container = createContainer(rowsPath);
  const addRow = createRowWriter(container);
  const tagsOf = createTagHasher(job.indexTags);
  const id = Buffer.alloc(32);
  const lastId = Buffer.alloc(32);
  const pubkey = Buffer.alloc(32);
  const members: Member[] = [];
  let lastCreatedAt = Number.NEGATIVE_INFINITY;
  let isSorted = true;
  let misplaced = 0;
  try {
    for await (const part of readDayParts(place, stored())) {
      if ("member" in part) {
        members.push(part.member);
        continue;
      }
      const { member, position, records } = part.block;
      for (const { at, start, end } of splitRecords(records)) {
        const event = scanEvent(records, start, end);
        if (event === null || !writeHex(records, event.idAt, id) || !writeHex(records, event.pubkeyAt, pubkey))
          throw new ProtonBeamError(
            `${place}: what is at byte ${position + at} of member ${member + 1} is no event with id and pubkey. Look into it with verify.`,
          );
        const { createdAt, kind } = event;
        if ((createdAt - lastCreatedAt || id.compare(lastId)) <= 0) isSorted = false;
        if (dayOf(createdAt) !== job.day) misplaced++;
        lastCreatedAt = createdAt;
        id.copy(lastId);
        addRow({ id, pubkey, createdAt, kind, member, position: position + at, tags: tagsOf(records, start, end) });
      }
    }
    const events = countEvents(members);
    const rows = container.endSection();
    const sha256 = hash.digest("hex");
    const { day } = job;
    const record = { day, fingerprint, size, sha256, events, added: events, duplicates: 0, misplaced, members, rows };
    container.commit(record);
    return { record, isSorted };
  } catch (error) {
    container.abort();
    throw error instanceof DamagedMember
      ? new ProtonBeamError(`${place}: ${error.message}. See what can be saved with verify and repair.`)
      : error;
  }
}

/** Copies the rows of events that are not there yet. Their ids are kept in a file: they may be too many for memory. */
function keepFirst(all: ScanRecord, allPath: string, rowsPath: string): ScanRecord {
  const seenPath = `${rowsPath}.seen${TEMPORARY_SUFFIX}`;
  rmSync(seenPath, { force: true });
  const seen = new Database(seenPath);
  const container = createContainer(rowsPath);
  try {
    seen.run("PRAGMA journal_mode = MEMORY");
    seen.run("PRAGMA synchronous = OFF");
    seen.run(`PRAGMA cache_size = -${SEEN_CACHE_KIB}`);
    seen.run("CREATE TABLE seen(id BLOB PRIMARY KEY) WITHOUT ROWID");
    seen.run("BEGIN");
    const see = seen.prepare<unknown, [Uint8Array]>("INSERT OR IGNORE INTO seen VALUES (?)");
    const addRow = createRowWriter(container);
    let events = 0;
    for (const row of readRows(allPath, all.rows)) {
      if (see.run(row.id).changes === 0) continue;
      addRow(row);
      events++;
    }
    const rows = container.endSection();
    const record = { ...all, events, added: events, duplicates: all.events - events, rows };
    container.commit(record);
    return record;
  } catch (error) {
    container.abort();
    throw error;
  } finally {
    seen.close();
    rmSync(seenPath);
  }
}

/** @returns false when the digits are none */
function writeHex(source: Buffer, at: number, target: Buffer): boolean {
  return target.write(source.toString("latin1", at, at + 2 * target.length), 0, "hex") === target.length;
}

function fingerprintOf({ day, indexTags }: ScanDay, { size, version }: { size: number; version: string }): string {
  return JSON.stringify([day, size, version, indexTags]);
}

function summaryOf({ members: _members, rows: _rows, added: _added, ...summary }: ScanRecord): ScannedDay {
  return summary;
}
