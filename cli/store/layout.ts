import { join } from "node:path";
import { dayName } from "../event/date.ts";

/** Names in an output directory. */
export const INDEX_FILE = "index.db";
export const LOG_FILE = "proton-beam.log";
export const MANIFEST_FILE = "manifest.json";
export const REJECTED_FILE = "rejected.jsonl.gz";
export const DAY_FILE = /^\d{4}_\d{2}_\d{2}\.pb\.gz$/;

export function dayFileName(day: number): string {
  return `${dayName(day)}.pb.gz`;
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
}

export function workLayout(outputDir: string): WorkLayout {
  const root = join(outputDir, ".proton-beam");
  const segments = join(root, "segments");
  const days = join(root, "days");
  const spool = join(root, "spool");
  const chunkName = (chunk: number) => String(chunk).padStart(8, "0");
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
  };
}
