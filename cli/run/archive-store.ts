import type { Plan } from "../plan/plan.ts";
import type { DaySummary } from "../reduce/day-rows.ts";
import type { SegmentFooter } from "../segment/segment.ts";
import type { BucketSettings } from "../store/bucket.ts";
import type { FileRecord, Manifest } from "./manifest.ts";

/** How a run ended. */
export type Outcome = "complete" | "interrupted" | "failed";

/**
 * Where the archive is, and where segments and finished days are safe until it is whole. The work itself is always done
 * on the disk of this machine.
 */
export interface ArchiveStore {
  /** The place, for messages. */
  place: string;
  /** Where threads find what is not on this disk; null when everything is. */
  bucket: BucketSettings | null;
  /** Takes hold of the archive and gives its manifest; null when there is no archive yet. */
  open(): Promise<Manifest | null>;
  /** The plan of an unfinished run that is safe elsewhere; null when there is none. */
  keptPlan(): Plan | null;
  /** Binds the work to a plan: keeps what an unfinished run of the same plan left. */
  claim(plan: Plan, manifest: Manifest | null): Promise<void>;
  /** Makes the index and the rejects of the archive readable on this disk. */
  existingIndex: string;
  existingRejects: string;
  /** Told whether all the work fits on this disk, so that nothing that is safe need leave it. */
  fitsOnDisk(fits: boolean): void;
  /** The footers of segments that are safe elsewhere. */
  keptSegments(fingerprint: string): AsyncIterable<SegmentFooter>;
  /** Makes a committed segment safe. Resolves when there is room for the next one. */
  keepSegment(chunk: number): Promise<void>;
  /** Resolves when all that was given is safe. */
  settle(): Promise<void>;
  /** The key of the daily file that is made, and whether its rows are safe. */
  keptDay(day: number): { fileKey: string; hasRows: boolean };
  /** Makes a day safe, unless it is. */
  keepDay(record: DaySummary, isSafe: boolean): Promise<void>;
  /** The index has the rows of a day. */
  indexed(day: number): void;
  /** Gives the finished files their places and the archive its manifest, last. */
  publish(made: FileRecord[], manifest: Manifest): Promise<void>;
  /** Removes what only served the run that is published. Another one may be claimed then. */
  tidy(): Promise<void>;
  /** Puts the report beside the archive. */
  keepReport(html: string): Promise<void>;
  /** Lets go of the archive. */
  close(outcome: Outcome): Promise<void>;
}
