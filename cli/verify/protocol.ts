import type { ArchiveLocation } from "../archive/location.ts";
import type { FileDigest } from "../run/protocol.ts";
import type { DayCheck, DayFindings } from "./check-day.ts";
import type { IndexCheck, IndexTotals } from "./check-index.ts";
import type { RejectsCheck, RejectsFindings } from "./check-rejects.ts";
import type { Findings } from "./findings.ts";
import type { EventRules } from "./judge.ts";

/** What the threads of a check do. */
export type VerifyTasks = {
  day: { task: { location: ArchiveLocation; job: DayCheck; rules: EventRules }; result: DayFindings };
  rejects: { task: { location: ArchiveLocation; job: RejectsCheck }; result: RejectsFindings };
  /** Any other file of the manifest. */
  other: { task: { location: ArchiveLocation; path: string; recorded: FileDigest }; result: Findings };
  index: { task: { job: IndexCheck }; result: Findings };
  totals: { task: { job: IndexTotals }; result: Findings };
};

/** The module of these threads. */
export const VERIFY_WORKER = new URL("./verify-worker.ts", import.meta.url);
