import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { openFiles } from "../archive/files.ts";
import type { ArchiveLocation } from "../archive/location.ts";
import type { S3Clients } from "../net/s3.ts";
import { rebuildIndex } from "../rebuild/rebuild.ts";
import { formatCount } from "../report/format.ts";
import type { Progress } from "../report/progress.ts";
import { openCatalog } from "../run/catalog.ts";
import { type FileRecord, type Manifest, readManifest, serializeManifest, writeManifest } from "../run/manifest.ts";
import { unfinishedRun } from "../run/workspace.ts";
import { renameDurably, writeAtomically } from "../store/atomic.ts";
import { readBlocks } from "../store/blocks.ts";
import { sha256OfFile } from "../store/checksum.ts";
import { INDEX_FILE, MANIFEST_FILE, workLayout } from "../store/layout.ts";
import { type Verification, verifyArchive } from "../verify/verify.ts";
import {
  applyCommit,
  type Commit,
  DAMAGED_FOLDER,
  isRepairPending,
  LOST_IDS_FILE,
  readCommit,
  repairFolder,
  writeCommit,
} from "./commit.ts";
import { badDays, repairDays } from "./days.ts";
import { areRejectsBad, repairRejects } from "./rejects.ts";
import { lostPath } from "./remake.ts";

const NOTHING_HELPS = "what is wrong cannot be set right from the archive itself: verify names it";

/** What to repair and how. */
export interface RepairRequest {
  folder: string;
  /** Another copy of the archive, from which files are taken that are whole there. */
  from: ArchiveLocation | null;
  /** Worker threads. */
  parallel: number;
  /** Whether to check the signatures, where the conversions did. */
  signatures: boolean;
}

export interface RepairContext {
  clients: S3Clients;
  progress: Progress;
}

/** What a repair did; null when there was nothing to do. */
export type Repaired = Pick<Commit, "told" | "lost" | "isWhole"> | null;

/**
 * Sets right what can be: takes damaged files from a copy, or writes their good events anew, and makes manifest and index
 * agree with them. All is made beside the archive first; then a list of what goes where is committed and carried out. So a
 * repair that is killed has changed nothing, or is finished by the next one. What is replaced is kept.
 * @throws {ProtonBeamError} when this program is at work in the archive, or a conversion is unfinished
 */
export async function repairArchive(request: RepairRequest, context: RepairContext): Promise<Repaired> {
  const { folder, parallel } = request;
  const layout = workLayout(folder);
  const workFolder = repairFolder(layout);
  mkdirSync(layout.root, { recursive: true });
  const catalog = openCatalog(layout.catalog);
  try {
    if (existsSync(layout.plan)) throw unfinishedRun(folder);
    let commit = readCommit(workFolder);
    if (commit === null) {
      // What a repair has made that was killed before it could put it into its place.
      rmSync(workFolder, { recursive: true, force: true });
      const verification = await diagnose(request, context);
      if (verification.problems.length === 0) return null;
      mkdirSync(workFolder);
      commit = await prepare(request, context, verification, workFolder);
      writeCommit(workFolder, commit);
    }
    applyCommit(folder, workFolder, commit);
    if (commit.rebuildIndex) await remakeIndex(folder, layout.rebuild, commit.indexTags, parallel, context);
    rmSync(workFolder, { recursive: true });
    return commit;
  } finally {
    // The lock is held until the folder is gone.
    if (![layout.plan, layout.rebuild, workFolder].some(existsSync)) rmSync(layout.root, { recursive: true });
    catalog.close();
  }
}

/** What a repair would do, one line for each file. Nothing is changed. */
export async function planRepair(request: RepairRequest, context: RepairContext): Promise<string[]> {
  if (isRepairPending(workLayout(request.folder)))
    return ["an interrupted repair has made all that it needs: it would be finished"];
  const verification = await diagnose(request, context);
  if (verification.problems.length === 0) return [];
  const bad = badDays(verification);
  const copy = request.from === null ? "" : "would be taken from the copy if it is whole there; else ";
  return [
    ...bad.present.map(({ path }) => `${path}: ${copy}would be made anew of its good events`),
    ...bad.missing.map((path) => `${path}: ${copy}its events would be listed as lost`),
    ...(areRejectsBad(verification) ? [`rejected lines: ${copy}would be kept as far as they are whole`] : []),
    ...(isIndexBad(verification) ? [`${INDEX_FILE}: would be made anew from the daily files`] : []),
    `${MANIFEST_FILE}: would be made to agree with the files`,
  ];
}

async function diagnose(
  { folder, parallel, signatures }: RepairRequest,
  context: RepairContext,
): Promise<Verification> {
  const location: ArchiveLocation = { kind: "local", folder };
  return verifyArchive({ location, parallel, signatures }, { ...context, onProblem: () => {} });
}

/** Whether the index has to be made anew, whatever becomes of the files. */
function isIndexBad({ index, problems }: Verification): boolean {
  return index === null || problems.some(({ subject }) => subject === "index");
}

/** Makes all that the repair needs, and says where it goes. */
async function prepare(
  request: RepairRequest,
  { clients, progress }: RepairContext,
  verification: Verification,
  workFolder: string,
): Promise<Commit> {
  const { folder, parallel } = request;
  const { manifest, index } = verification;
  const from = request.from === null ? null : openFiles(request.from, clients);
  const days = await repairDays({ folder, workFolder, from, parallel, progress, verification });
  const rejects = await repairRejects(folder, workFolder, from, verification);
  const isWhole = days.isWhole && (rejects?.isWhole ?? true);
  const rebuildIndex = isIndexBad(verification) || days.isChanged;
  const indexTags = manifest?.indexTags ?? index?.tags ?? [];
  const steps = [...days.steps, ...(rejects?.steps ?? [])];
  const told = [...days.told, ...(rejects?.told ?? [])];
  const lost = days.lost.reduce((sum, { count }) => sum + count, 0);
  if (lost > 0) {
    listLost(folder, workFolder, days.lost);
    steps.push({ made: LOST_IDS_FILE, to: join(DAMAGED_FOLDER, LOST_IDS_FILE), keep: false });
    told.push(`${DAMAGED_FOLDER}/${LOST_IDS_FILE}: lists the ids of ${formatCount(lost)} lost events`);
  }
  if (rebuildIndex) told.push(`${INDEX_FILE}: is made anew from the daily files`);

  const files: FileRecord[] = [...days.files, ...(rejects === null ? [] : [rejects.file])];
  if (!rebuildIndex && index !== null)
    files.push({ path: INDEX_FILE, size: statSync(index.path).size, sha256: sha256OfFile(index.path) });
  const next: Manifest = {
    format: 1,
    events: days.files.reduce((sum, { events }) => sum + events, 0),
    days: days.files.length,
    indexTags,
    foreign: manifest?.foreign ?? true,
    runs: (manifest?.runs ?? []).map((run) => ({ ...run, whole: run.whole && isWhole })),
    files: files.map(({ path, size, sha256 }) => ({ path, size, sha256 })).sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
  if (writeNewManifest(folder, workFolder, next)) {
    steps.push({ made: MANIFEST_FILE, to: MANIFEST_FILE, keep: manifest === null });
    told.push(
      manifest === null
        ? `${MANIFEST_FILE}: is made anew, without the inputs: convert would read them again`
        : `${MANIFEST_FILE}: agrees with the files again`,
    );
  }
  if (steps.length === 0 && !rebuildIndex)
    return { steps, rebuildIndex, indexTags, told: [NOTHING_HELPS], lost, isWhole: false };
  return { steps, rebuildIndex, indexTags, told, lost, isWhole };
}

/** Writes the list of all lost ids, those of earlier repairs included. */
function listLost(folder: string, workFolder: string, days: { day: number }[]): void {
  const earlier = join(folder, DAMAGED_FOLDER, LOST_IDS_FILE);
  const parts = [...(existsSync(earlier) ? [earlier] : []), ...days.map(({ day }) => lostPath(workFolder, day))];
  writeAtomically(join(workFolder, LOST_IDS_FILE), (file) => {
    for (const part of parts) for (const block of readBlocks(part)) file.write(block);
  });
}

/** @returns whether it differs from the one that is there */
function writeNewManifest(folder: string, workFolder: string, manifest: Manifest): boolean {
  const text = serializeManifest(manifest);
  const path = join(folder, MANIFEST_FILE);
  if (existsSync(path) && readFileSync(path, "utf8") === text) return false;
  writeAtomically(join(workFolder, MANIFEST_FILE), (file) => file.write(Buffer.from(text)));
  return true;
}

/** The files are as the manifest says by now. */
async function remakeIndex(
  folder: string,
  workFolder: string,
  indexTags: string[],
  parallel: number,
  { clients, progress }: RepairContext,
): Promise<void> {
  const location: ArchiveLocation = { kind: "local", folder };
  await rebuildIndex({
    location,
    files: openFiles(location, clients),
    manifest: readManifest(join(folder, MANIFEST_FILE)),
    indexTags,
    workFolder,
    parallel,
    progress,
    signal: new AbortController().signal,
    publish: async (indexPath, _, manifest) => {
      renameDurably(indexPath, join(folder, INDEX_FILE));
      writeManifest(join(folder, MANIFEST_FILE), manifest);
    },
  });
}
