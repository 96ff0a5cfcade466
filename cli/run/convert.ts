import { existsSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import pkg from "../../package.json" with { type: "json" };
import { EXIT, interruption, ProtonBeamError } from "../errors.ts";
import { selectVerifier } from "../event/signature/select.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { countBytes, countChunks, fingerprintOf, makePlan, type Plan } from "../plan/plan.ts";
import { estimateSpace } from "../plan/space.ts";
import { formatBytes } from "../report/format.ts";
import { RECORD } from "../report/records.ts";
import { keepStatusFile } from "../report/status.ts";
import { addCounts, type Counts, emptyCounts, totalOf } from "../segment/counts.ts";
import { hasIdentity, type Input } from "../source/inputs.ts";
import { isSeekable, type Source } from "../source/source.ts";
import { INDEX_FILE, workLayout } from "../store/layout.ts";
import { createPool } from "../threads/pool.ts";
import type { ArchiveStore } from "./archive-store.ts";
import { interruptible, withinGrace } from "./grace.ts";
import { describeArchive, type Manifest } from "./manifest.ts";
import { mapInputs } from "./map-phase.ts";
import { CONVERT_WORKER, type ConvertTasks } from "./protocol.ts";
import { convertedDays, type ReducedDays, reduceDays } from "./reduce-phase.ts";
import type { Run, RunContext } from "./run.ts";
import { takeTurns } from "./turns.ts";
import { claimWorkspace, clearWorkspace, discardFinished, folderSize, lockWorkspace, readPlan } from "./workspace.ts";

/** What to convert, and where to. */
export interface ConvertRequest {
  sources: Source[];
  /** Where the work is done, and the archive is if it is on this machine. */
  outputDir: string;
  store: ArchiveStore;
  options: ConvertOptions;
  /** Letters whose tags the index looks up; null for those that it has. */
  indexTags: string[] | null;
  /** Worker threads. */
  parallel: number;
}

/** What a run did. */
export interface ConvertSummary {
  /** Where the archive is. */
  place: string;
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
 * Converts inputs into the archive of the store, or adds them to it. Goes on where an interrupted run of the same
 * request stopped, and adds inputs that came later when it is done; inputs that the archive took before with the same
 * options are not read again.
 * @throws {ProtonBeamError} with the exit code that fits; what was committed stays and is used by the next run
 */
export async function convert(request: ConvertRequest, context: RunContext): Promise<ConvertSummary> {
  const started = performance.now();
  const { outputDir, options, store } = request;
  const layout = workLayout(outputDir);
  const catalog = lockWorkspace(layout);
  const endStatus = keepStatusFile(layout.status, context.status);
  const pool = createPool<ConvertTasks>(CONVERT_WORKER, request.parallel);
  try {
    const found = await store.open();
    discardFinished(layout, found);
    const sources = request.sources.filter(({ input }) => !isConverted(input, options, found));
    const indexTags = settleTags(request.indexTags, found, store.place);
    const unfinished = store.keptPlan() ?? readPlan(layout);
    const turns = takeTurns(sources, planOf(sources, options, indexTags, found), unfinished);
    logTurns(turns, store.place, context);
    const signatures = options.validateSignatures ? (await selectVerifier()).name : null;
    const shared = { store, outputDir, layout, catalog, pool, context };
    let manifest = found;
    let counts = emptyCounts();
    let reused = { segments: 0, days: 0 };
    for (const turn of turns) {
      if (context.signal.aborted) throw interruption();
      const plan = planOf(turn, options, indexTags, manifest);
      const run: Run = { ...shared, plan, sources: turn, fingerprint: fingerprintOf(plan), manifest };
      const converted = await convertTurn(run, request.parallel, signatures);
      manifest = converted.manifest;
      counts = addCounts(counts, converted.counts);
      reused = {
        segments: reused.segments + converted.reused.segments,
        days: reused.days + converted.reused.days,
      };
    }
    const skippedInputs = request.sources.length - sources.length;
    const archive = describeArchive(manifest);
    return { place: store.place, skippedInputs, signatures, counts, reused, archive, seconds: secondsSince(started) };
  } finally {
    pool.terminate();
    endStatus();
    // Without a plan there is nothing to go on with. The lock is held until the folder is gone.
    if (!existsSync(layout.plan)) rmSync(layout.root, { recursive: true });
    catalog.close();
  }
}

/** What one conversion did. */
interface Converted extends Pick<ConvertSummary, "counts" | "reused"> {
  manifest: Manifest;
}

/** Carries out a plan to its end: afterwards the archive is whole, and nothing is left of the work. */
async function convertTurn(run: Run, parallel: number, signatures: string | null): Promise<Converted> {
  const started = performance.now();
  const { plan, store, layout, catalog, context } = run;
  await assertSpace(run);
  await store.claim(plan, run.manifest);
  claimWorkspace(layout, plan);
  logStart(run, parallel, signatures);
  const mapped = await interruptible(mapInputs(run), context.signal);
  const reduced = await interruptible(reduceDays(run, convertedDays(run, mapped.modified)), context.signal);
  const counts = settleCounts(mapped.counts, reduced);
  const manifest = await withinGrace(publish(run, reduced, counts), context.signal);
  await store.tidy();
  clearWorkspace(layout);
  catalog.clear();
  const archive = describeArchive(manifest);
  const reused = { segments: mapped.reused, days: reduced.reused };
  context.log.info({ counts, archive, reused, seconds: secondsSince(started) }, RECORD.converted);
  return { manifest, counts, reused };
}

/** @throws {ProtonBeamError} usage: other tags than the archive has, whose index would have to be made anew */
function settleTags(asked: string[] | null, manifest: Manifest | null, place: string): string[] {
  if (manifest === null || asked === null) return asked ?? manifest?.indexTags ?? [];
  if (isDeepStrictEqual(asked, manifest.indexTags)) return asked;
  throw new ProtonBeamError(
    `the index of ${place} looks up ${manifest.indexTags.length === 0 ? "no tags" : `the tags ${manifest.indexTags.join(",")}`}, ` +
      `not ${asked.join(",")}. Leave --index-tags out to add to the archive, and make its index anew with: ` +
      `proton-beam index rebuild ${place} --index-tags ${asked.join(",")}`,
    EXIT.usage,
  );
}

function planOf(sources: Source[], options: ConvertOptions, indexTags: string[], manifest: Manifest | null): Plan {
  const inputs = sources.map(({ input }) => input);
  return makePlan(inputs, options, manifest?.runs.length ?? 0, indexTags);
}

function isConverted(input: Input, options: ConvertOptions, manifest: Manifest | null): boolean {
  if (!hasIdentity(input) || manifest === null) return false;
  return manifest.runs.some(
    (run) =>
      run.whole &&
      isDeepStrictEqual(run.options, options) &&
      run.inputs.some((known) => isDeepStrictEqual(known, input)),
  );
}

function logTurns(turns: Source[][], place: string, { log }: RunContext): void {
  if (turns.length === 0) log.info({ place }, "all inputs are in the archive already");
  if (turns.length > 1)
    log.info(
      { inputs: turns[0].length, left: turns[1].length },
      "the unfinished run is finished first; inputs that came later are left for after it",
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
async function assertSpace({ plan, sources, store, manifest, layout, outputDir, context }: Run): Promise<void> {
  if (countBytes(plan) === null || !sources.every(isSeekable)) {
    context.log.warn(
      "the size of the input's content is not known: disk space cannot be accounted for before the start",
    );
    store.fitsOnDisk(false);
    return;
  }
  const need = await estimateSpace(
    sources,
    describeArchive(manifest).bytes,
    plan.indexTags.length > 0,
    context.clients,
  );
  const present = folderSize(layout.root);
  const stat = statfsSync(outputDir);
  const free = stat.bavail * stat.bsize;
  context.log.info({ ...need, present, free }, "disk space accounted for");
  store.fitsOnDisk(need.total <= free + present);
  // All but the index can leave the disk when it is in S3.
  const least = store.bucket === null ? need.total : need.index;
  if (least <= free + present) return;
  throw new ProtonBeamError(
    `the conversion needs about ${formatBytes(least)} on the disk of ${outputDir} ` +
      `(segments ${formatBytes(need.segments)}, daily files ${formatBytes(need.dailyFiles)}, ` +
      `index ${formatBytes(need.index)}; ${formatBytes(present)} of it is there), but only ${formatBytes(free)} are free. ` +
      "Free some space or choose an --output-dir on a larger disk.",
  );
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

async function publish(
  { plan, fingerprint, store, layout, manifest, context }: Run,
  reduced: ReducedDays,
  counts: Counts,
): Promise<Manifest> {
  const made = new Set(reduced.made.map(({ path }) => path));
  const kept = (manifest?.files ?? []).filter(({ path }) => !made.has(path));
  const { inputs, options, indexTags } = plan;
  const next: Manifest = {
    format: 1,
    events: (manifest?.events ?? 0) + counts.events,
    days: reduced.days,
    indexTags,
    foreign: manifest?.foreign ?? false,
    runs: [...(manifest?.runs ?? []), { fingerprint, toolVersion: pkg.version, inputs, options, counts, whole: true }],
    files: [...kept, ...reduced.made].sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
  await context.publishing(next, join(layout.root, INDEX_FILE));
  await store.publish(reduced.made, next);
  context.log.info({ files: next.files.length }, "published");
  return next;
}

function secondsSince(started: number): number {
  return Math.round(performance.now() - started) / 1000;
}
