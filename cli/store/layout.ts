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
  segment(chunk: number): string;
  dayRows(day: number): string;
}

export function workLayout(outputDir: string): WorkLayout {
  const root = join(outputDir, ".proton-beam");
  const segments = join(root, "segments");
  const days = join(root, "days");
  return {
    root,
    plan: join(root, "plan.json"),
    catalog: join(root, "catalog.db"),
    segments,
    days,
    segment: (chunk) => join(segments, `${String(chunk).padStart(8, "0")}.seg`),
    dayRows: (day) => join(days, `${dayName(day)}.rows`),
  };
}
