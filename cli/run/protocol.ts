import { type ExitCode, errorCode, errorMessage, ProtonBeamError } from "../errors.ts";
import type { DaySummary } from "../reduce/day-rows.ts";
import type { ReduceDay, RunSource } from "../reduce/reduce.ts";
import type { MapChunk } from "../segment/map.ts";
import type { ExistingRejects } from "../segment/rejects.ts";
import type { SegmentFooter } from "../segment/segment.ts";
import type { Source } from "../source/source.ts";
import type { BucketSettings } from "../store/bucket.ts";
import type { StoredSection } from "../store/fetch.ts";
import type { FileRecord } from "./manifest.ts";

/**
 * Where the bytes of a chunk are: in a seekable source, or in a file that a stream was spooled to and the worker removes.
 * `knownHash`: the segment of the chunk is safe elsewhere, and the bytes are only to be compared with this hash.
 */
export type ChunkBytes = { from: "source"; source: Source } | { from: "spool"; path: string; knownHash: string | null };

/** A daily file for the index: made by this run, or one that the archive's index already has. */
export type IndexDay = { path: string; day: number } & (
  | { from: "rows"; rowsPath: string; rowsKey: string; indexedAt: number | null }
  | { from: "index"; indexPath: string }
);

export type Task =
  | { type: "map"; job: MapChunk; bytes: ChunkBytes }
  | {
      type: "reduce";
      job: Omit<ReduceDay, "runs"> & { runs: StoredRun[] };
      places: DayPlaces;
      bucket: BucketSettings | null;
    }
  | { type: "index-open"; path: string }
  | { type: "index-day"; day: IndexDay; fingerprint: string; bucket: BucketSettings | null }
  | { type: "index-finish" }
  | {
      type: "rejects";
      sections: StoredSection[];
      existing: ExistingRejects | null;
      path: string;
      bucket: BucketSettings | null;
    };

/** A run of a day, in a segment on this disk or in S3. */
export type StoredRun = RunSource & StoredSection;

/** Where a day may be already, and where the archive has the file that is to be added to. */
export interface DayPlaces {
  publishedPath: string;
  /** Of the daily file that is made, in S3. */
  fileKey: string;
  /** Of its rows in S3, when they are there. */
  rowsKey: string | null;
  /** Of the file of the archive in S3, when it must be fetched. */
  existingKey: string | null;
}

/** Whether a day was made, or found on this disk or in S3. */
export type DayOrigin = "made" | "here" | "kept";

/** Size and checksum of a file as the manifest lists it. */
export type FileDigest = Pick<FileRecord, "size" | "sha256">;

/** What a worker answers to each task. */
export interface Results {
  /** `footer` is null when the segment was known before. */
  map: { footer: SegmentFooter | null; reused: boolean };
  reduce: { record: DaySummary; origin: DayOrigin };
  "index-open": null;
  "index-day": null;
  "index-finish": FileDigest;
  rejects: FileDigest;
}

export type Result<T extends Task> = Results[T["type"]];

export interface WorkerError {
  message: string;
  stack: string | undefined;
  code: string | null;
  exitCode: ExitCode | null;
}

export type Reply = { type: "done"; result: Results[Task["type"]] } | { type: "failed"; error: WorkerError };

/** Errors lose their class between threads; this keeps what the program acts on. */
export function packError(error: unknown): WorkerError {
  return {
    message: errorMessage(error),
    stack: error instanceof Error ? error.stack : undefined,
    code: errorCode(error),
    exitCode: error instanceof ProtonBeamError ? error.exitCode : null,
  };
}

export function unpackError(packed: WorkerError): Error {
  if (packed.exitCode !== null) return new ProtonBeamError(packed.message, packed.exitCode);
  return Object.assign(new Error(packed.message), { code: packed.code, stack: packed.stack });
}
