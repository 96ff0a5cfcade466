import { existsSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import type { ArchiveLocation } from "../archive/location.ts";
import { EXIT, ProtonBeamError } from "../errors.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { fingerprintOf, makeMergePlan } from "../plan/plan.ts";
import { formatBytes } from "../report/format.ts";
import { keepStatusFile } from "../report/status.ts";
import type { ArchiveStore } from "../run/archive-store.ts";
import { interruptible, withinGrace } from "../run/grace.ts";
import { describeArchive, type Manifest } from "../run/manifest.ts";
import { CONVERT_WORKER, type ConvertTasks } from "../run/protocol.ts";
import { type DaysToMake, type ReducedDays, reduceDays } from "../run/reduce-phase.ts";
import type { Run, RunContext } from "../run/run.ts";
import { claimWorkspace, clearWorkspace, folderSize, lockWorkspace, readPlan } from "../run/workspace.ts";
import { dayFileName, INDEX_FILE, workLayout } from "../store/layout.ts";
import { createPool } from "../threads/pool.ts";
import { assertUnchanged, dayCopyOf, type Joined, openJoined, rejectsOf } from "./joined.ts";

/** What to join, and where to. */
export interface MergeRequest {
  archives: ArchiveLocation[];
  /** Where the work is done, and the new archive is if it is on this machine. */
  outputDir: string;
  store: ArchiveStore;
  options: ConvertOptions;
  /** Letters whose tags the index looks up; null for all that an archive has. */
  indexTags: string[] | null;
  /** Worker threads. */
  parallel: number;
}

/** What came of it. */
export interface MergeSummary {
  place: string;
  archives: string[];
  /** Events that were in more than one archive, or more than once in a file; null when a run before this one did the work. */
  duplicates: number | null;
  /** Days that an interrupted run had made. */
  reused: number;
  archive: { events: number; days: number; bytes: number };
  indexTags: string[];
  seconds: number;
}

/**
 * Joins archives into a new one: a conversion without inputs, each of whose days has several files already. Goes on where an
 * interrupted run of the same request stopped.
 * @throws {ProtonBeamError} with the exit code that fits; days that are made stay and are used by the next run
 */
export async function mergeArchives(request: MergeRequest, context: RunContext): Promise<MergeSummary> {
  const started = performance.now();
  const { outputDir, store } = request;
  const layout = workLayout(outputDir);
  const catalog = lockWorkspace(layout);
  const endStatus = keepStatusFile(layout.status, context.status);
  const pool = createPool<ConvertTasks>(CONVERT_WORKER, request.parallel);
  const joined: Joined[] = [];
  try {
    const found = await store.open();
    for (const location of request.archives) joined.push(await openJoined(location, context.clients));
    const indexTags =
      request.indexTags ?? [...new Set(joined.flatMap(({ manifest }) => manifest?.indexTags ?? []))].sort();
    const states = joined.map(({ state }) => state);
    const plan = makeMergePlan(states, request.options, indexTags);
    const fingerprint = fingerprintOf(plan);
    const run: Run = {
      plan,
      sources: [],
      store,
      fingerprint,
      outputDir,
      layout,
      manifest: null,
      catalog,
      pool,
      context,
    };
    const summarize = (manifest: Manifest, reduced: ReducedDays | null): MergeSummary => ({
      place: store.place,
      archives: states.map(({ place }) => place),
      duplicates: reduced?.duplicates ?? null,
      reused: reduced?.reused ?? manifest.days,
      archive: describeArchive(manifest),
      indexTags,
      seconds: Math.round(performance.now() - started) / 1000,
    });
    if (found !== null) {
      const last = store.keptPlan() ?? readPlan(layout);
      if (last === null || fingerprintOf(last) !== fingerprint) throw notEmpty(store.place);
      // A run that was killed after it wrote the manifest: all it lacked was to tidy up.
      await store.tidy();
      if (existsSync(layout.plan)) clearWorkspace(layout);
      return summarize(found, null);
    }
    assertRoom(run, joined);
    await store.claim(plan, null);
    claimWorkspace(layout, plan);
    context.log.info({ ...plan, archives: states.map(({ place }) => place) }, "merge started");
    const reduced = await interruptible(reduceDays(run, await daysToMake(run, joined)), context.signal);
    for (const archive of joined) await assertUnchanged(archive, context.clients);
    const manifest: Manifest = {
      format: 1,
      events: reduced.events,
      days: reduced.days,
      indexTags,
      foreign: joined.some(({ manifest }) => manifest?.foreign ?? true),
      runs: joined.flatMap((archive) => archive.manifest?.runs ?? []),
      files: reduced.made.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    };
    await context.publishing(manifest, join(layout.root, INDEX_FILE));
    await withinGrace(store.publish(reduced.made, manifest), context.signal);
    await store.tidy();
    clearWorkspace(layout);
    const summary = summarize(manifest, reduced);
    context.log.info(summary, "merge complete");
    return summary;
  } finally {
    pool.terminate();
    endStatus();
    for (const { index } of joined) index?.close();
    // Without a plan there is nothing to go on with. The lock is held until the folder is gone.
    if (!existsSync(layout.plan)) rmSync(layout.root, { recursive: true });
    catalog.close();
  }
}

async function daysToMake({ layout, context }: Run, joined: Joined[]): Promise<DaysToMake> {
  const rejects = [];
  for (const [i, archive] of joined.entries())
    rejects.push(...(await rejectsOf(archive, i, layout.root, context.clients)));
  return {
    days: [...new Set(joined.flatMap(({ days }) => days))].sort((a, b) => a - b),
    runs: () => [],
    existing: (day) => joined.flatMap((archive) => dayCopyOf(archive, day)),
    indexedAt: (day) => lastIndexed(joined, day),
    rejects,
  };
}

/** When the newest of the files of a day was indexed; null when that is not known of one. */
function lastIndexed(joined: Joined[], day: number): number | null {
  const times = joined
    .filter(({ days }) => days.includes(day))
    .map(({ index }) => index?.indexedAt(dayFileName(day)) ?? null);
  return times.every((time) => time !== null) ? Math.max(...times) : null;
}

/** @throws {ProtonBeamError} when the disk cannot hold as much as all archives together have */
function assertRoom({ layout, outputDir, store, context }: Run, joined: Joined[]): void {
  const bytesOf = ({ state, manifest }: Joined) =>
    [...state.files, ...(manifest?.files.filter(({ path }) => path === INDEX_FILE) ?? [])].reduce(
      (sum, { size }) => sum + size,
      0,
    );
  const need = joined.reduce((sum, archive) => sum + bytesOf(archive), 0);
  const present = folderSize(layout.root);
  const { bavail, bsize } = statfsSync(outputDir);
  const free = bavail * bsize;
  context.log.info({ need, present, free }, "disk space accounted for");
  store.fitsOnDisk(need <= free + present);
  if (need <= free + present || store.bucket !== null) return;
  throw new ProtonBeamError(
    `the archives have ${formatBytes(need)} together, but only ${formatBytes(free)} are free on the disk of ${outputDir}. ` +
      "Free some space or choose an --output-dir on a larger disk.",
  );
}

function notEmpty(place: string): ProtonBeamError {
  return new ProtonBeamError(
    `${place} holds an archive. Archives are joined to a new one: choose an empty place, and name this one among the archives if it is to be in it.`,
    EXIT.usage,
  );
}
