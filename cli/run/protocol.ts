import { type ExitCode, errorCode, errorMessage, ProtonBeamError } from "../errors.ts";
import type { DaySummary } from "../reduce/day-rows.ts";
import type { ReduceDay } from "../reduce/reduce.ts";
import type { MapChunk } from "../segment/map.ts";
import type { ExistingRejects } from "../segment/rejects.ts";
import type { SegmentFooter } from "../segment/segment.ts";
import type { Input } from "../source/inputs.ts";
import type { FileRecord } from "./manifest.ts";

/** Where the bytes of a chunk are: in an input file, or in a file that a stream was spooled to and the worker removes. */
export type ChunkBytes = { from: "file"; input: Input } | { from: "spool"; path: string };

/** A daily file for the index: made by this run, or one that the archive's index already has. */
export type IndexDay = { path: string; day: number } & (
  | { from: "rows"; rowsPath: string; indexedAt: number | null }
  | { from: "index"; indexPath: string }
);

export type Task =
  | { type: "map"; job: MapChunk; bytes: ChunkBytes }
  | { type: "reduce"; job: ReduceDay; publishedPath: string }
  | { type: "index-open"; path: string }
  | { type: "index-day"; day: IndexDay; fingerprint: string }
  | { type: "index-finish" }
  | { type: "rejects"; segmentPaths: string[]; existing: ExistingRejects | null; path: string };

/** Size and checksum of a file as the manifest lists it. */
export type FileDigest = Pick<FileRecord, "size" | "sha256">;

/** What a worker answers to each task. */
export interface Results {
  map: { footer: SegmentFooter; reused: boolean };
  reduce: { record: DaySummary; reused: boolean };
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
