import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ArchiveFiles } from "../archive/files.ts";
import type { ArchiveLocation } from "../archive/location.ts";
import { explainFullDisk, interruption, ProtonBeamError } from "../errors.ts";
import { dayName } from "../event/date.ts";
import { openIndex } from "../index/read.ts";
import type { ScannedDay } from "../reduce/scan-day.ts";
import { dayDone, emptyPhase, type Progress } from "../report/progress.ts";
import { feedIndex } from "../run/index-feed.ts";
import type { FileRecord, Manifest } from "../run/manifest.ts";
import { CONVERT_WORKER, type ConvertTasks, type FileDigest } from "../run/protocol.ts";
import { dayFileName, dayOfFile, INDEX_FILE, REJECTED_FILE } from "../store/layout.ts";
import { createPool } from "../threads/pool.ts";

/** The archive whose index is to be made anew. Whoever asks holds its lock. */
export interface RebuildRequest {
  location: ArchiveLocation;
  files: ArchiveFiles;
  /** Null when it has none. */
  manifest: Manifest | null;
  /** Letters whose tags the index is to look up; null for those that it has. */
  indexTags: string[] | null;
  /** Where the rows are kept until the end, so that a second run goes on. */
  workFolder: string;
  /** Worker threads. */
  parallel: number;
  progress: Progress;
  signal: AbortSignal;
  /** Gives the index, which is at `indexPath` on this disk, and then the manifest their places. */
  publish: (indexPath: string, index: FileDigest, manifest: Manifest) => Promise<void>;
}

/** What was found. */
export interface Rebuilt {
  manifest: Manifest;
  /** Days whose rows an earlier run had made. */
  reused: number;
  /** Events that the files hold more than once. */
  duplicates: number;
  /** Files that hold events of other days. */
  misplaced: string[];
  /** Daily files of the manifest that are no longer what it says, or not there. */
  changed: string[];
}

/**
 * Makes `index.db` from the daily files alone, and `manifest.json` say what is there. The files are not changed.
 * @throws {ProtonBeamError} when a file is damaged; what was done is kept in the work folder
 */
export async function rebuildIndex(request: RebuildRequest): Promise<Rebuilt> {
  const { location, files, manifest, workFolder, progress, signal } = request;
  const indexTags = request.indexTags ?? manifest?.indexTags ?? [];
  const rowsPath = (day: number) => join(workFolder, `${dayName(day)}.rows`);
  const days = await listDays(files, manifest);
  mkdirSync(workFolder, { recursive: true });
  const scanned = new Map<number, ScannedDay>();
  let state = emptyPhase("days", days.length);
  const show = progress.phase("Reading", state);

  const pool = createPool<ConvertTasks>(CONVERT_WORKER, request.parallel);
  const indexPath = join(workFolder, INDEX_FILE);
  const index = feedIndex({
    path: indexPath,
    tags: indexTags,
    base: null,
    bucket: null,
    days: withTimes(location, days).map(({ day, indexedAt }) => {
      const rows = { rowsPath: rowsPath(day), rowsKey: "", fingerprint: null };
      return { from: "rows", path: dayFileName(day), day, indexedAt, ...rows };
    }),
    onIndexed: () => {},
  });
  try {
    await pool.runAll<"scan">(
      days.map((day) => ({
        type: "scan",
        job: { location, path: dayFileName(day), day, rowsPath: rowsPath(day), indexTags },
      })),
      ({ day, reused }) => {
        scanned.set(day.day, day);
        state = dayDone(state, day.events, reused);
        show(state);
        index.ready(day.day);
      },
      signal,
    );
    if (signal.aborted) throw interruption();
    progress.phase("Indexing", { ...state, reused: 0, reusedEvents: 0 });
    const digest = await index.finish();
    progress.end();
    const found = days.flatMap((day) => scanned.get(day) ?? []);
    const daily = found.map(({ day, size, sha256 }) => ({ path: dayFileName(day), size, sha256 }));
    const changed = changedFiles(manifest, daily);
    const next: Manifest = {
      format: 1,
      events: found.reduce((sum, { events }) => sum + events, 0),
      days: days.length,
      indexTags,
      foreign: manifest === null || manifest.foreign || changed.length > 0,
      // What is gone is to be taken from the inputs again.
      runs: (manifest?.runs ?? []).map((run) => ({ ...run, whole: run.whole && changed.length === 0 })),
      files: [...daily, { path: INDEX_FILE, ...digest }, ...(await rejectedFile(files, manifest))],
    };
    if (signal.aborted) throw interruption();
    await request.publish(indexPath, digest, next);
    rmSync(workFolder, { recursive: true });
    return {
      manifest: next,
      reused: state.reused,
      duplicates: found.reduce((sum, { duplicates }) => sum + duplicates, 0),
      misplaced: found.filter(({ misplaced }) => misplaced > 0).map(({ day }) => dayFileName(day)),
      changed,
    };
  } catch (error) {
    throw explainFullDisk(error, workFolder);
  } finally {
    index.terminate();
    pool.terminate();
  }
}

/** @throws {ProtonBeamError} when there are none, and no manifest that makes it an archive */
async function listDays(files: ArchiveFiles, manifest: Manifest | null): Promise<number[]> {
  const names = (await files.list()).map(({ path }) => path);
  const days = names.flatMap((name) => dayOfFile(name) ?? []);
  if (days.length === 0 && manifest === null)
    throw new ProtonBeamError(`${files.place("")} holds no daily files: they are named like 2024_01_31.pb.gz`);
  return days.sort((a, b) => a - b);
}

/** When the index that is there says that the files were indexed; it may be damaged. */
function withTimes(location: ArchiveLocation, days: number[]): { day: number; indexedAt: number | null }[] {
  const unknown = days.map((day) => ({ day, indexedAt: null }));
  if (location.kind !== "local") return unknown;
  try {
    const index = openIndex(join(location.folder, INDEX_FILE));
    try {
      return days.map((day) => ({ day, indexedAt: index.indexedAt(dayFileName(day)) }));
    } finally {
      index.close();
    }
  } catch {
    return unknown;
  }
}

/** Daily files of the manifest that are not there as it says. */
function changedFiles(manifest: Manifest | null, daily: FileRecord[]): string[] {
  const found = new Map(daily.map(({ path, sha256 }) => [path, sha256]));
  return (manifest?.files ?? [])
    .filter(({ path, sha256 }) => dayOfFile(path) !== null && found.get(path) !== sha256)
    .map(({ path }) => path);
}

async function rejectedFile(files: ArchiveFiles, manifest: Manifest | null): Promise<FileRecord[]> {
  const size = (await files.stat(REJECTED_FILE))?.size;
  if (size === undefined) return [];
  const known = manifest?.files.find(({ path }) => path === REJECTED_FILE);
  if (known?.size === size) return [known];
  const hash = new Bun.CryptoHasher("sha256");
  for await (const piece of files.stream(REJECTED_FILE, 0, size)) hash.update(piece);
  return [{ path: REJECTED_FILE, size, sha256: hash.digest("hex") }];
}
