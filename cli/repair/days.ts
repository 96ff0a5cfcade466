import { join } from "node:path";
import type { ArchiveFiles } from "../archive/files.ts";
import { convertOptionsSchema } from "../plan/options.ts";
import { formatCount } from "../report/format.ts";
import { emptyPhase, type Progress } from "../report/progress.ts";
import type { FileRecord, Manifest } from "../run/manifest.ts";
import { DAY_FILE, dayFileName, dayOfFile } from "../store/layout.ts";
import { createPool, type Pool, type TaskOf } from "../threads/pool.ts";
import type { DayFindings } from "../verify/check-day.ts";
import type { Verification } from "../verify/verify.ts";
import type { Commit } from "./commit.ts";
import { fetchCopy } from "./copy.ts";
import { REPAIR_WORKER, type RepairTasks } from "./protocol.ts";
import type { RemadeDay } from "./remake.ts";
import type { Salvaged } from "./salvage.ts";

/** Where the repair of the daily files takes place. */
export interface DaysRepair {
  folder: string;
  workFolder: string;
  from: ArchiveFiles | null;
  parallel: number;
  progress: Progress;
  verification: Verification;
}

/** A daily file as it will be. */
export interface DailyFile extends FileRecord {
  events: number;
}

/** What is made of the daily files. */
export interface RepairedDays extends Pick<Commit, "steps" | "told" | "isWhole"> {
  files: DailyFile[];
  /** Days of which events are listed that are lost. */
  lost: { day: number; count: number }[];
  /** Whether a file will be another than the manifest says. */
  isChanged: boolean;
}

/** Daily files that are not what they should be. */
export function badDays({ days, missing, manifest }: Verification): { present: DayFindings[]; missing: string[] } {
  const recorded = recordsOf(manifest);
  return {
    present: days.filter(({ path, sha256, isSound }) => {
      const record = recorded.get(path);
      return !isSound || (record !== undefined && record.sha256 !== sha256);
    }),
    missing: missing.filter((path) => DAY_FILE.test(path)),
  };
}

function recordsOf(manifest: Manifest | null): Map<string, FileRecord> {
  return new Map((manifest?.files ?? []).map((file) => [file.path, file]));
}

/**
 * Makes the daily files that are to replace those that are damaged: as a copy has them, or of all good events that are in any
 * damaged file.
 */
export async function repairDays(job: DaysRepair): Promise<RepairedDays> {
  const { verification } = job;
  const bad = badDays(verification);
  const files = new Map<string, DailyFile>(
    verification.days.map(({ path, size, sha256, events }) => [path, { path, size, sha256, events }]),
  );
  const repaired: RepairedDays = { files: [], steps: [], told: [], isWhole: true, lost: [], isChanged: false };

  const restored = await restoreDays(job, [...bad.present.map(({ path }) => path), ...bad.missing]);
  const eventsOf = new Map((verification.index?.files ?? []).map(({ path, events }) => [path, events]));
  for (const record of restored.values()) {
    files.set(record.path, { ...record, events: eventsOf.get(record.path) ?? 0 });
    repaired.steps.push({ made: record.path, to: record.path, keep: true });
    repaired.told.push(`${record.path}: is taken from the copy`);
  }

  const pool = createPool<RepairTasks>(REPAIR_WORKER, job.parallel);
  try {
    const left = bad.present.filter(({ path }) => !restored.has(path));
    const salvaged = await salvageDays(job, pool, left, restored);
    for (const { day, file, lost } of await remakeDays(
      job,
      pool,
      salvaged,
      bad.missing.filter((path) => !restored.has(path)),
    ))
      settleDay(job, repaired, files, salvaged, { day, file, lost });
    for (const { path } of salvaged.values()) {
      if (dayOfFile(path) !== null) continue;
      files.delete(path);
      repaired.steps.push({ made: null, to: path, keep: true });
      repaired.told.push(`${path}: is no daily file; its good events go to the files of their days`);
      repaired.isChanged = true;
    }
  } finally {
    pool.terminate();
  }
  repaired.files.push(...files.values());
  return repaired;
}

/** Fetches what a copy has as the manifest says. */
async function restoreDays(
  { from, verification, workFolder }: DaysRepair,
  paths: string[],
): Promise<Map<string, FileRecord>> {
  const restored = new Map<string, FileRecord>();
  const recorded = recordsOf(verification.manifest);
  for (const path of paths) {
    const record = recorded.get(path);
    if (from !== null && record !== undefined && (await fetchCopy(from, record, join(workFolder, path))))
      restored.set(path, record);
  }
  return restored;
}

/** Takes the good events out of damaged files, and out of those files whose events were found in them. */
async function salvageDays(
  { folder, workFolder, verification, progress }: DaysRepair,
  pool: Pool<RepairTasks>,
  bad: DayFindings[],
  restored: Map<string, FileRecord>,
): Promise<Map<string, Salvaged>> {
  const salvaged = new Map<string, Salvaged>();
  const salvage = async (files: { folder: string; path: string; size: number }[]) => {
    let state = emptyPhase("days", files.length);
    const show = progress.phase("Saving", state);
    await pool.runAll<"salvage">(
      files.map((file) => ({
        type: "salvage",
        job: { ...file, indexPath: verification.index?.path ?? null, workFolder },
        rules: verification.rules,
      })),
      (result) => {
        salvaged.set(result.path, result);
        state = { ...state, done: state.done + 1 };
        show(state);
      },
      new AbortController().signal,
    );
  };
  if (bad.length > 0) await salvage(bad.map(({ path, size }) => ({ folder, path, size })));
  const owners = new Set([...salvaged.values()].flatMap(({ strays }) => strays.map(({ day }) => dayFileName(day))));
  const more = [...owners]
    .filter((path) => !salvaged.has(path))
    .flatMap((path) => {
      const copy = restored.get(path);
      const found = verification.days.find((day) => day.path === path);
      if (copy !== undefined) return [{ folder: workFolder, path, size: copy.size }];
      return found === undefined ? [] : [{ folder, path, size: found.size }];
    });
  if (more.length > 0) await salvage(more);
  return salvaged;
}

/** Writes the files of all days that events were saved of, or that are missing. */
async function remakeDays(
  { workFolder, verification, progress }: DaysRepair,
  pool: Pool<RepairTasks>,
  salvaged: Map<string, Salvaged>,
  missing: string[],
): Promise<RemadeDay[]> {
  const strays = [...salvaged.values()].flatMap((file) => file.strays);
  const days = new Set(
    [...salvaged.keys(), ...missing, ...strays.map(({ day }) => dayFileName(day))]
      .map(dayOfFile)
      .filter((day) => day !== null),
  );
  if (days.size === 0) return [];
  const recorded = recordsOf(verification.manifest);
  const levels = (verification.manifest?.runs ?? []).map(({ options }) => options.compressionLevel).reverse();
  const remade: RemadeDay[] = [];
  let state = emptyPhase("days", days.size);
  const show = progress.phase("Writing", state);
  await pool.runAll<"remake">(
    [...days].map((day): TaskOf<RepairTasks, "remake"> => {
      const path = dayFileName(day);
      return {
        type: "remake",
        job: {
          day,
          runs: salvaged.get(path)?.runs ?? [],
          strays: strays.filter((stray) => stray.day === day).map(({ run }) => run),
          levels: levels.length === 0 ? [convertOptionsSchema.parse({}).compressionLevel] : [...new Set(levels)],
          recorded: recorded.get(path) ?? null,
          indexPath: verification.index?.path ?? null,
          workFolder,
        },
      };
    }),
    (result) => {
      remade.push(result);
      state = { ...state, done: state.done + 1, events: state.events + (result.file?.events ?? 0) };
      show(state);
    },
    new AbortController().signal,
  );
  return remade.sort((a, b) => a.day - b.day);
}

/** Decides what becomes of a day that was written anew. */
function settleDay(
  { verification }: DaysRepair,
  repaired: RepairedDays,
  files: Map<string, DailyFile>,
  salvaged: Map<string, Salvaged>,
  { day, file, lost }: RemadeDay,
): void {
  const path = dayFileName(day);
  const found = verification.days.find((known) => known.path === path);
  const record = recordsOf(verification.manifest).get(path);
  const isRestored = repaired.steps.some((step) => step.made === path);
  if (file !== null && file.sha256 === record?.sha256) {
    files.set(path, { path, ...file });
    if (isRestored) return;
    repaired.steps.push({ made: path, to: path, keep: found !== undefined });
    repaired.told.push(`${path}: is made anew of its own events, byte for byte as it was`);
    return;
  }
  repaired.isChanged = true;
  const isComplete = salvaged.get(path)?.isComplete ?? false;
  const isMissed = record !== undefined || found !== undefined;
  if (lost !== null && lost > 0) repaired.lost.push({ day, count: lost });
  // Without an index nothing tells what a file had that is another now.
  if (isMissed && !isRestored && (!isComplete || lost !== 0)) repaired.isWhole = false;
  const gone =
    lost === null
      ? "how many are lost is not known"
      : lost === 0
        ? "none is known to be lost"
        : `${formatCount(lost)} are lost`;
  if (file === null) {
    files.delete(path);
    if (found !== undefined) repaired.steps.push({ made: null, to: path, keep: true });
    repaired.told.push(`${path}: nothing could be saved; of its events ${gone}`);
  } else if (found?.isSound === true && file.events === found.events) {
    repaired.told.push(`${path}: is good, but not the file of the manifest; it is kept, and of its events ${gone}`);
  } else {
    files.set(path, { path, ...file });
    if (!isRestored) repaired.steps.push({ made: path, to: path, keep: true });
    repaired.told.push(`${path}: is made anew of ${formatCount(file.events)} good events; ${gone}`);
  }
}
