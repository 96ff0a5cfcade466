import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { EXIT, ProtonBeamError } from "../errors.ts";
import { describeDifference, fingerprintOf, type Plan, parsePlan } from "../plan/plan.ts";
import { isRepairPending } from "../repair/commit.ts";
import { TEMPORARY_SUFFIX, writeAtomically } from "../store/atomic.ts";
import { DAY_FILE, INDEX_FILE, type WorkLayout } from "../store/layout.ts";
import { type Catalog, openCatalog } from "./catalog.ts";
import type { Manifest } from "./manifest.ts";

/**
 * Takes hold of the work folder for what changes the archive; the catalog is the lock.
 * @throws {ProtonBeamError} when another process is at work there, or a repair is to be finished first
 */
export function lockWorkspace(layout: WorkLayout): Catalog {
  mkdirSync(layout.root, { recursive: true });
  const catalog = openCatalog(layout.catalog);
  if (!isRepairPending(layout)) return catalog;
  catalog.close();
  const archive = dirname(layout.root);
  throw new ProtonBeamError(
    `a repair of ${archive} was interrupted while it put files into their places. Finish it first: proton-beam repair ${archive}`,
    EXIT.failed,
  );
}

/** The error of what cannot be done beside an unfinished run. */
export function unfinishedRun(place: string): ProtonBeamError {
  return new ProtonBeamError(
    `${place} holds an unfinished run of convert, which still changes its files. ` +
      "Repeat the command of that run to finish it, or remove its .proton-beam folder to give it up.",
  );
}

/** Removes the plan of a run that was killed after it wrote the manifest: all it lacked was to tidy up. */
export function discardFinished(layout: WorkLayout, manifest: Manifest | null): void {
  const plan = readPlan(layout);
  if (plan !== null && manifest !== null && manifest.runs.length > plan.earlierRuns) rmSync(layout.plan);
}

/**
 * Makes the workspace ready for a plan: keeps what an unfinished run of the same plan committed, and nothing else.
 * Call with the catalog's lock held.
 * @throws {ProtonBeamError} when an unfinished run of another plan has committed segments or days
 */
export function claimWorkspace(layout: WorkLayout, plan: Plan): void {
  const unfinished = readPlan(layout);
  makeEmpty(layout.spool);
  if (unfinished !== null && fingerprintOf(unfinished) === fingerprintOf(plan)) {
    for (const folder of [layout.segments, layout.days]) removeTemporaries(folder);
    return;
  }
  if (unfinished !== null && [layout.segments, layout.days].some((folder) => readdirSync(folder).length > 0))
    throw new ProtonBeamError(
      `${layout.root} holds an unfinished run that differs from this one: ${describeDifference(unfinished, plan)}.\n` +
        `Repeat the earlier command to finish it, or remove ${layout.root} to give it up.`,
    );
  for (const folder of [layout.segments, layout.days]) makeEmpty(folder);
  writeAtomically(layout.plan, (file) => file.write(Buffer.from(JSON.stringify(plan))));
}

/**
 * Removes what a finished run leaves on the disk. The plan goes first: without it the rest counts for nothing. What the
 * process holds on to stays: the catalog, which is the lock, and the disk's name.
 */
export function clearWorkspace(layout: WorkLayout): void {
  rmSync(layout.plan);
  const staying = [layout.catalog, layout.owner].map((path) => basename(path));
  for (const name of readdirSync(layout.root))
    if (!staying.includes(name)) rmSync(join(layout.root, name), { recursive: true });
}

function makeEmpty(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
}

/** Removes what a killed run left half written. */
function removeTemporaries(folder: string): void {
  for (const name of readdirSync(folder)) if (name.endsWith(TEMPORARY_SUFFIX)) rmSync(join(folder, name));
}

/** The plan of the unfinished run that is in the workspace. */
export function readPlan(layout: WorkLayout): Plan | null {
  return existsSync(layout.plan) ? parsePlan(readFileSync(layout.plan, "utf8"), layout.plan) : null;
}

/** @throws {ProtonBeamError} when daily files are there that no manifest describes */
export function assertNoStrangers(place: string, names: string[]): void {
  const stranger = names.find((name) => DAY_FILE.test(name) || name === INDEX_FILE);
  if (stranger === undefined) return;
  throw new ProtonBeamError(
    `${place} holds ${stranger} but no manifest.json, so it is not known what is in it. ` +
      "Choose an empty place, or put the archive's manifest.json back.",
    EXIT.failed,
  );
}

/** Bytes of all files below a folder. */
export function folderSize(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}
