import type { ArchiveLocation } from "../archive/location.ts";
import type { Member } from "../reduce/day-file.ts";
import type { DaySummary } from "../reduce/day-rows.ts";
import type { ExistingDay, ReduceDay, RunSource } from "../reduce/reduce.ts";
import type { ScanDay, ScannedDay } from "../reduce/scan-day.ts";
import type { MapChunk } from "../segment/map.ts";
import type { ExistingRejects } from "../segment/rejects.ts";
import type { SegmentFooter } from "../segment/segment.ts";
import type { Source } from "../source/source.ts";
import type { BucketSettings } from "../store/bucket.ts";
import type { StoredSection } from "../store/fetch.ts";
import type { TaskOf } from "../threads/pool.ts";
import type { FileRecord } from "./manifest.ts";

/**
 * Where the bytes of a chunk are: in a seekable source, or in a file that a stream was spooled to and the worker removes.
 * `knownHash`: the segment of the chunk is safe elsewhere, and the bytes are only to be compared with this hash.
 */
export type ChunkBytes = { from: "source"; source: Source } | { from: "spool"; path: string; knownHash: string | null };

/**
 * A daily file for the index: one whose rows were made, by the plan with this fingerprint or, with null, by any; or one
 * that the archive's index already has.
 */
export type IndexDay = { path: string; day: number } & (
  | { from: "rows"; rowsPath: string; rowsKey: string; fingerprint: string | null; indexedAt: number | null }
  | { from: "index" }
);

/** What the threads of a conversion do. */
export type ConvertTasks = {
  /** `footer` is null when the segment was known before. */
  map: { task: { job: MapChunk; bytes: ChunkBytes }; result: { footer: SegmentFooter | null; reused: boolean } };
  reduce: {
    task: {
      job: Omit<ReduceDay, "runs" | "existing"> & { runs: StoredRun[] };
      existing: DayCopy[];
      places: DayPlaces;
      bucket: BucketSettings | null;
    };
    result: { record: DaySummary; origin: DayOrigin };
  };
  /** `base`: the index that days are copied from. */
  "index-open": { task: { path: string; tags: string[]; base: string | null }; result: null };
  "index-day": { task: { day: IndexDay; bucket: BucketSettings | null }; result: null };
  scan: { task: { job: ScanDay }; result: { day: ScannedDay; reused: boolean } };
  "index-finish": { task: object; result: FileDigest };
  rejects: {
    task: { sections: StoredSection[]; existing: ExistingRejects[]; path: string; bucket: BucketSettings | null };
    result: FileDigest;
  };
};

export type Task<Name extends keyof ConvertTasks = keyof ConvertTasks> = TaskOf<ConvertTasks, Name>;
export type Result<Name extends keyof ConvertTasks = keyof ConvertTasks> = ConvertTasks[Name]["result"];

/** The module of these threads. */
export const CONVERT_WORKER = new URL("./worker.ts", import.meta.url);

/** A run of a day, in a segment on this disk or in S3. */
export type StoredRun = RunSource & StoredSection;

/** The daily file of an archive; without members it is not known to be sorted as ours are. */
export interface DayCopy {
  location: ArchiveLocation;
  path: string;
  members: Member[] | null;
  role: ExistingDay["role"];
}

/** Where a day may be already. */
export interface DayPlaces {
  publishedPath: string;
  /** Of the daily file that is made, in S3. */
  fileKey: string;
  /** Of its rows in S3, when they are there. */
  rowsKey: string | null;
}

/** Whether a day was made, or found on this disk or in S3. */
export type DayOrigin = "made" | "here" | "kept";

/** Size and checksum of a file as the manifest lists it. */
export type FileDigest = Pick<FileRecord, "size" | "sha256">;
