import { join } from "node:path";
import { dayName, parseDayName } from "../event/date.ts";

/** Names in an output directory. */
export const INDEX_FILE = "index.db";
export const LOG_FILE = "proton-beam.log";
export const MANIFEST_FILE = "manifest.json";
export const STATUS_FILE = "status.json";
export const REPORT_FILE = "report.html";
export const REJECTED_FILE = "rejected.jsonl.gz";
export const DAY_FILE = /^\d{4}_\d{2}_\d{2}\.pb\.gz$/;

export function dayFileName(day: number): string {
  return `${dayName(day)}.pb.gz`;
}

/** The day of a daily file by its name, or null when it is none. */
export function dayOfFile(name: string): number | null {
  return DAY_FILE.test(name) ? parseDayName(name.slice(0, 10)) : null;
}

/** Where an unfinished run keeps its work: a folder of the output directory that is gone when the run is done. */
export interface WorkLayout {
  root: string;
  plan: string;
  catalog: string;
  segments: string;
  days: string;
  spool: string;
  segment(chunk: number): string;
  /** The bytes of a stream's chunk until its segment is made. */
  spooled(chunk: number): string;
  dayRows(day: number): string;
  /** How far the run is. */
  status: string;
  /** Where the rows of daily files are while the index is made anew. */
  rebuild: string;
  /** Names the disk; see the lease. */
  owner: string;
  /** The index and the rejects that an archive in S3 has, fetched to add to them. */
  existingIndex: string;
  existingRejects: string;
}

export function workLayout(outputDir: string): WorkLayout {
  const root = join(outputDir, ".proton-beam");
  const segments = join(root, "segments");
  const days = join(root, "days");
  const spool = join(root, "spool");
  return {
    root,
    plan: join(root, "plan.json"),
    catalog: join(root, "catalog.db"),
    segments,
    days,
    spool,
    segment: (chunk) => join(segments, `${chunkName(chunk)}.seg`),
    spooled: (chunk) => join(spool, `${chunkName(chunk)}.jsonl`),
    dayRows: (day) => join(days, `${dayName(day)}.rows`),
    status: join(root, STATUS_FILE),
    rebuild: join(root, "rebuild"),
    owner: join(root, "owner"),
    existingIndex: join(root, "existing-index.db"),
    existingRejects: join(root, "existing-rejected.jsonl.gz"),
  };
}

function chunkName(chunk: number): string {
  return String(chunk).padStart(8, "0");
}

/** Whether a key below the prefix of an archive is one that this program writes. */
export function isArchiveKey(key: string): boolean {
  const names: string[] = [INDEX_FILE, LOG_FILE, MANIFEST_FILE, STATUS_FILE, REPORT_FILE, REJECTED_FILE];
  return key.startsWith(WORK) || DAY_FILE.test(key) || names.includes(key);
}

const WORK = ".proton-beam/";

/** The keys of an unfinished run below the prefix of an archive in S3. */
export const workKeys = {
  root: WORK,
  lease: `${WORK}lease.json`,
  plan: `${WORK}plan.json`,
  segments: `${WORK}segments/`,
  days: `${WORK}days/`,
  segment: (chunk: number) => `${WORK}segments/${chunkName(chunk)}.seg`,
  dayRows: (day: number) => `${WORK}days/${dayName(day)}.rows`,
  /** A daily file that is to replace one of the archive. */
  stagedDay: (day: number) => `${WORK}days/${dayFileName(day)}`,
};
