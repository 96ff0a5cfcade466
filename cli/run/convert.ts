import { existsSync, mkdirSync, renameSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import pkg from "../../package.json" with { type: "json" };
import { EXIT, errorCode, errorMessage, ProtonBeamError } from "../errors.ts";
import { selectVerifier } from "../event/signature/select.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { countBytes, countChunks, fingerprintOf, makePlan } from "../plan/plan.ts";
import { estimateSpace } from "../plan/space.ts";
import { formatBytes } from "../report/format.ts";
import { type Counts, emptyCounts, totalOf } from "../segment/counts.ts";
import type { Input } from "../source/inputs.ts";
import { syncFolder } from "../store/atomic.ts";
import { INDEX_FILE, MANIFEST_FILE, REJECTED_FILE, workLayout } from "../store/layout.ts";
import { openCatalog } from "./catalog.ts";
import { type Manifest, readManifest, writeManifest } from "./manifest.ts";
import { mapInputs } from "./map-phase.ts";
import { createPool } from "./pool.ts";
import { type ReducedDays, reduceDays } from "./reduce-phase.ts";
import type { Run, RunContext } from "./run.ts";
import { assertNoStrangers, claimWorkspace, discardFinished, folderSize } from "./workspace.ts";

/** Time that tasks under way get to finish when a run is interrupted. */
const GRACE_MS = 20_000;

/** What to convert, and where to. */
export interface ConvertRequest {
  inputs: Input[];
  outputDir: string;
  options: ConvertOptions;
  /** Worker threads. */
  parallel: number;
}

/** What a run did. */
export interface ConvertSummary {
  outputDir: string;
  /** Inputs that the archive had already taken with the same options. */
  skippedInputs: number;
  /** The verifier's name, or null when signatures were not checked. */
  signatures: string | null;
  counts: Counts;
  /** Segments and daily files that an interrupted run had left ready. */
  reused: { segments: number; days: number };
  archive: { events: number; days: number; bytes: number };
  seconds: number;
}

/**
 * Converts inputs into the archive in `outputDir`, or adds them to it. Goes on where an interrupted run of the same
 * request stopped; inputs that the archive took before with the same options are not read again.
 * @throws {ProtonBeamError} with the exit code that fits; what was committed stays and is used by the next run
 */
export async function convert(request: ConvertRequest, context: RunContext): Promise<ConvertSummary> {
  const started = performance.now();
  const { outputDir, options } = request;
  const layout = workLayout(outputDir);
  mkdirSync(layout.root, { recursive: true });
  const catalog = openCatalog(layout.catalog);
  const pool = createPool(request.parallel);
  try {
    const manifest = readManifest(join(outputDir, MANIFEST_FILE));
    discardFinished(layout, manifest);
    const inputs = request.inputs.filter((input) => !isConverted(input, options, manifest));
    const summary = {
      outputDir,
      skippedInputs: request.inputs.length - inputs.length,
      signatures: options.validateSignatures ? (await selectVerifier()).name : null,
    };
    if (inputs.length === 0 && manifest !== null) {
      context.log.info({ outputDir }, "all inputs are in the archive already");
      const nothing = { counts: emptyCounts(), reused: { segments: 0, days: 0 } };
      return { ...summary, ...nothing, archive: describeArchive(manifest), seconds: secondsSince(started) };
    }
    if (manifest === null && !existsSync(layout.plan)) assertNoStrangers(outputDir);

    const plan = makePlan(inputs, options, manifest?.runs.length ?? 0);
    const run: Run = {
      plan,
      fingerprint: fingerprintOf(plan),
      outputDir,
      layout,
      manifest,
      catalog,
      pool,
      context,
    };
    assertSpace(run);
    claimWorkspace(layout, plan);
    logStart(run, request.parallel, summary.signatures);
    const mapped = await interruptible(mapInputs(run), context.signal);
    const reduced = await interruptible(reduceDays(run, mapped.segments, mapped.modified), context.signal);
    const counts = settleCounts(mapped.counts, reduced);
    const published = publish(run, reduced, counts);
    rmSync(layout.plan);
    const archive = describeArchive(published);
    const seconds = secondsSince(started);
    const reused = { segments: mapped.reused, days: reduced.reused };
    context.log.info({ counts, archive, reused, seconds }, "conversion complete");
    return { ...summary, counts, reused, archive, seconds };
  } catch (error) {
    throw explain(error, outputDir);
  } finally {
    pool.terminate();
    // Without a plan there is nothing to go on with. The lock is held until the folder is gone.
    if (!existsSync(layout.plan)) rmSync(layout.root, { recursive: true });
    catalog.close();
  }
}

function isConverted(input: Input, options: ConvertOptions, manifest: Manifest | null): boolean {
  if (input.size === null || manifest === null) return false;
  return manifest.runs.some(
    (run) =>
      JSON.stringify(run.options) === JSON.stringify(options) &&
      run.inputs.some((known) => JSON.stringify(known) === JSON.stringify(input)),
  );
}

function logStart({ plan, manifest, context }: Run, parallel: number, signatures: string | null): void {
  context.log.info(
    {
      version: pkg.version,
      bun: Bun.version,
      inputs: plan.inputs,
      options: plan.options,
      bytes: countBytes(plan),
      chunks: countChunks(plan),
      parallel,
      addsToArchive: manifest !== null,
      signatures: signatures ?? "not checked",
    },
    "conversion started",
  );
}

/** @throws {ProtonBeamError} when the disk cannot hold what the run will need */
function assertSpace({ plan, manifest, layout, outputDir, context }: Run): void {
  if (countBytes(plan) === null) {
    context.log.warn("the input is a stream of unknown size: disk space cannot be accounted for before the start");
    return;
  }
  const archiveBytes = manifest === null ? 0 : describeArchive(manifest).bytes;
  const need = estimateSpace(plan.inputs, archiveBytes);
  const present = folderSize(layout.root);
  const stat = statfsSync(outputDir);
  const free = stat.bavail * stat.bsize;
  context.log.info({ ...need, present, free }, "disk space accounted for");
  if (need.total - present <= free) return;
  throw new ProtonBeamError(
    `the conversion needs about ${formatBytes(need.total)} on the disk of ${outputDir} ` +
      `(segments ${formatBytes(need.segments)}, daily files ${formatBytes(need.dailyFiles)}, ` +
      `index ${formatBytes(need.index)}; ${formatBytes(present)} of it is there), but only ${formatBytes(free)} are free. ` +
      "Free some space or choose an --output-dir on a larger disk.",
  );
}

/** Waits for a phase, but not longer than {@link GRACE_MS} after the run was told to stop. */
async function interruptible<T>(phase: Promise<T>, signal: AbortSignal): Promise<T> {
  const interrupted = new ProtonBeamError("interrupted: run the same command again to go on", EXIT.resumable);
  const grace = new Promise<never>((_, reject) => {
    const startClock = () => setTimeout(() => reject(interrupted), GRACE_MS).unref();
    if (signal.aborted) startClock();
    else signal.addEventListener("abort", startClock, { once: true });
  });
  const result = await Promise.race([phase, grace]);
  if (signal.aborted) throw interrupted;
  return result;
}

/** Takes what the reduce found to be duplicates off the events. @throws {Error} when the lines do not add up */
function settleCounts(mapped: Counts, { duplicates }: ReducedDays): Counts {
  const counts = {
    ...mapped,
    events: mapped.events - duplicates,
    duplicates: mapped.duplicates + duplicates,
  };
  const sum = counts.events + counts.duplicates + totalOf(counts.rejected) + totalOf(counts.filtered);
  if (counts.lines !== sum) throw new Error(`counts do not add up: ${JSON.stringify(counts)}`);
  return counts;
}

/**
 * Gives the finished files their places and writes the manifest. A run that is killed in the middle is repeated by the
 * next one: it finds each daily file either here or there.
 */
function publish(
  { plan, fingerprint, outputDir, layout, manifest, context }: Run,
  reduced: ReducedDays,
  counts: Counts,
) {
  for (const { path } of reduced.made) {
    const staged = join(layout.days, path);
    if (existsSync(staged)) renameSync(staged, join(outputDir, path));
  }
  renameSync(join(layout.root, INDEX_FILE), join(outputDir, INDEX_FILE));
  renameSync(join(layout.root, REJECTED_FILE), join(outputDir, REJECTED_FILE));
  syncFolder(outputDir);

  const made = new Set(reduced.made.map(({ path }) => path));
  const kept = (manifest?.files ?? []).filter(({ path }) => !made.has(path));
  const { inputs, options } = plan;
  const next: Manifest = {
    format: 1,
    events: (manifest?.events ?? 0) + counts.events,
    days: reduced.days,
    runs: [...(manifest?.runs ?? []), { fingerprint, toolVersion: pkg.version, inputs, options, counts }],
    files: [...kept, ...reduced.made].sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
  writeManifest(join(outputDir, MANIFEST_FILE), next);
  context.log.info({ files: next.files.length }, "published");
  return next;
}

function describeArchive({ events, days, files }: Manifest): ConvertSummary["archive"] {
  return { events, days, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

function secondsSince(started: number): number {
  return Math.round(performance.now() - started) / 1000;
}

function explain(error: unknown, outputDir: string): unknown {
  if (errorCode(error) === "ENOSPC" || /database or disk is full/.test(errorMessage(error)))
    return new ProtonBeamError(
      `the disk of ${outputDir} is full. Nothing that was committed is lost: free some space and run the same command again.`,
      EXIT.resumable,
      { cause: error },
    );
  return error;
}
