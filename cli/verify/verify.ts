import { join } from "node:path";
import { z } from "zod";
import { type ArchiveFiles, openFiles } from "../archive/files.ts";
import type { ArchiveLocation } from "../archive/location.ts";
import { openArchive } from "../archive/open.ts";
import { EXIT, errorCode, errorMessage, ProtonBeamError } from "../errors.ts";
import { selectVerifier } from "../event/signature/select.ts";
import type { S3Clients } from "../net/s3.ts";
import { formatCount } from "../report/format.ts";
import { emptyPhase, type Progress } from "../report/progress.ts";
import { type FileRecord, type Manifest, manifestSchema } from "../run/manifest.ts";
import { addCounts, emptyCounts, totalOf } from "../segment/counts.ts";
import { DAY_FILE, dayOfFile, INDEX_FILE, MANIFEST_FILE, REJECTED_FILE, workKeys } from "../store/layout.ts";
import { createPool, runInOrder, startThread, type TaskOf, type TaskThread } from "../threads/pool.ts";
import type { DayFindings } from "./check-day.ts";
import { type IndexedFile, outlineIndex } from "./check-index.ts";
import type { RejectsFindings } from "./check-rejects.ts";
import { createFindings, type Findings, type FindingsWriter, type Problem } from "./findings.ts";
import { type EventRules, rulesOf } from "./judge.ts";
import { VERIFY_WORKER, type VerifyTasks } from "./protocol.ts";

/** What to check and how. */
export interface VerifyRequest {
  location: ArchiveLocation;
  /** Worker threads. */
  parallel: number;
  /** Whether to check signatures, which takes most of the time. */
  signatures: boolean;
}

/** What is shown while an archive is checked. */
export interface VerifyContext {
  clients: S3Clients;
  progress: Progress;
  onProblem: (problem: Problem) => void;
}

/** What an archive is found to be like. */
export interface Verification extends Findings {
  place: string;
  /** The verifier's name, or null when signatures were not checked. */
  signatures: string | null;
  rules: EventRules;
  /** Null when it is missing or cannot be read. */
  manifest: Manifest | null;
  /** The index as a whole; null when it is missing or cannot be used. */
  index: { path: string; files: IndexedFile[]; tags: string[] } | null;
  days: DayFindings[];
  /** Null when there is no such file. */
  rejects: RejectsFindings | null;
  /** Names of files that the manifest has and the archive has not. */
  missing: string[];
  events: number;
  bytes: number;
}

/**
 * Checks every byte, event and index row of an archive against each other, each file read once. Problems are told as they are
 * found, in the order of the files.
 * @throws {ProtonBeamError} when there is no archive, or it cannot be reached
 */
export async function verifyArchive(request: VerifyRequest, context: VerifyContext): Promise<Verification> {
  const { location, parallel } = request;
  const files = openFiles(location, context.clients);
  const place = files.place("");
  const findings = createFindings();
  const take = (found: Findings) => {
    for (const problem of findings.merge(found)) context.onProblem(problem);
  };
  const checkHere = async <T>(check: (findings: FindingsWriter) => T | Promise<T>): Promise<T> => {
    const found = createFindings();
    const result = await check(found);
    take(found);
    return result;
  };

  const sizes = await listFiles(files, place);
  const manifest = await checkHere((found) => readManifestOf(files, sizes, found));
  const index = await checkHere((found) => readIndexOf(location, context.clients, sizes, found));
  const recorded = new Map((manifest?.files ?? []).map((file) => [file.path, file]));
  const indexed = new Map((index?.files ?? []).map((file) => [file.path, file]));
  const missing = [...recorded.keys()].filter((path) => !sizes.has(path)).sort();
  await checkHere((found) => checkNames(sizes, manifest, recorded, indexed, missing, found));

  const rules = rulesOf(manifest, request.signatures);
  const dayFiles = [...sizes].filter(([path]) => DAY_FILE.test(path)).sort(([a], [b]) => (a < b ? -1 : 1));
  const total = dayFiles.reduce((sum, [, size]) => sum + size, 0);
  const pool = createPool<VerifyTasks>(VERIFY_WORKER, Math.max(1, Math.min(parallel, dayFiles.length)));
  const thread = startThread<VerifyTasks>(VERIFY_WORKER);
  try {
    const others = checkOthers(thread, location, sizes, recorded, manifest, index);
    others.catch(() => {});
    let state = emptyPhase("bytes", total);
    const show = context.progress.phase("Verifying", state);
    const tasks = dayFiles.map(
      ([path, size]): TaskOf<VerifyTasks, "day"> => ({
        type: "day",
        location,
        job: {
          path,
          size,
          recorded: recorded.get(path) ?? null,
          indexPath: index?.path ?? null,
          indexTags: index?.tags ?? [],
        },
        rules,
      }),
    );
    const days: DayFindings[] = [];
    for await (const day of runInOrder<VerifyTasks, "day">(pool, tasks)) {
      days.push(day);
      state = { ...state, done: state.done + day.size, events: state.events + day.events };
      show(state);
      take(day);
    }
    const { rejects, rest } = await others;
    for (const found of rest) take(found);
    if (rejects !== null) take(rejects);
    if (index !== null) take(await checkLeftOver(thread, index.path, days, missing));
    await checkHere((found) => checkCounts(manifest, days, missing, found));
    return {
      place,
      signatures: request.signatures ? (await selectVerifier()).name : null,
      rules,
      manifest,
      index,
      days,
      rejects,
      missing,
      events: state.events,
      bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
      problems: findings.problems,
      more: findings.more,
      notes: await notesOf(findings, files),
    };
  } finally {
    context.progress.end();
    pool.terminate();
    thread.terminate();
  }
}

/** Sizes of the files of an archive by their names. */
async function listFiles(files: ArchiveFiles, place: string): Promise<Map<string, number>> {
  const listed = await files.list().catch((error: unknown) => {
    if (errorCode(error) === null) throw error;
    throw new ProtonBeamError(`${place} cannot be read as a directory: ${errorMessage(error)}`, EXIT.failed);
  });
  const own = listed.filter(
    ({ path }) => DAY_FILE.test(path) || [INDEX_FILE, MANIFEST_FILE, REJECTED_FILE].includes(path),
  );
  if (own.length === 0)
    throw new ProtonBeamError(
      `${place} holds no archive: there are no daily files, no ${INDEX_FILE} and no ${MANIFEST_FILE}`,
      EXIT.failed,
    );
  return new Map(listed.map(({ path, size }) => [path, size]));
}

async function readManifestOf(
  files: ArchiveFiles,
  sizes: Map<string, number>,
  findings: FindingsWriter,
): Promise<Manifest | null> {
  const text = sizes.has(MANIFEST_FILE) ? await files.readText(MANIFEST_FILE) : null;
  if (text === null) {
    findings.add(MANIFEST_FILE, "manifest", "is missing");
    return null;
  }
  const manifest = parseManifestText(text);
  if (typeof manifest !== "string") return manifest;
  findings.add(MANIFEST_FILE, "manifest", `cannot be used: ${manifest}`);
  return null;
}

/** The manifest, or what is wrong with it. */
function parseManifestText(text: string): Manifest | string {
  try {
    const parsed = manifestSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : z.prettifyError(parsed.error).replaceAll("\n", " ");
  } catch (error) {
    return errorMessage(error);
  }
}

async function readIndexOf(
  location: ArchiveLocation,
  clients: S3Clients,
  sizes: Map<string, number>,
  findings: FindingsWriter,
): Promise<Verification["index"]> {
  if (!sizes.has(INDEX_FILE)) {
    findings.add(INDEX_FILE, "index", "is missing");
    return null;
  }
  const path =
    location.kind === "local" ? join(location.folder, INDEX_FILE) : (await openArchive(location, clients)).indexPath;
  try {
    return { path, ...outlineIndex(path) };
  } catch (error) {
    findings.add(INDEX_FILE, "index", `cannot be used: ${errorMessage(error)}`);
    return null;
  }
}

/** Which files there are, by the archive itself, its manifest and its index. */
function checkNames(
  sizes: Map<string, number>,
  manifest: Manifest | null,
  recorded: Map<string, FileRecord>,
  indexed: Map<string, IndexedFile>,
  missing: string[],
  findings: FindingsWriter,
): void {
  for (const path of missing) {
    const events = indexed.get(path)?.events;
    findings.add(
      path,
      "file",
      `is missing${events === undefined ? "" : `; by the index ${formatCount(events)} events are lost`}`,
    );
  }
  for (const path of [...sizes.keys()].sort()) {
    if (DAY_FILE.test(path) && dayOfFile(path) === null) findings.add(path, "file", "its name is no date");
    if (manifest !== null && !recorded.has(path) && (DAY_FILE.test(path) || [INDEX_FILE, REJECTED_FILE].includes(path)))
      findings.add(path, "manifest", "is not in the manifest");
  }
  for (const path of indexed.keys())
    if (!sizes.has(path) && !recorded.has(path)) findings.add(INDEX_FILE, "index", `knows ${path}, which is not there`);
}

/** What is checked beside the days. */
async function checkOthers(
  thread: TaskThread<VerifyTasks>,
  location: ArchiveLocation,
  sizes: Map<string, number>,
  recorded: Map<string, FileRecord>,
  manifest: Manifest | null,
  index: Verification["index"],
): Promise<{ rejects: RejectsFindings | null; rest: Findings[] }> {
  const rest: Findings[] = [];
  const recordOf = (path: string) => recorded.get(path) ?? null;
  if (index !== null) {
    const job = {
      indexPath: index.path,
      size: sizes.get(INDEX_FILE) ?? 0,
      recorded: recordOf(INDEX_FILE),
      indexTags: manifest?.indexTags ?? null,
    };
    rest.push(await thread.run({ type: "index", job }));
  }
  for (const file of recorded.values()) {
    const isOther = !DAY_FILE.test(file.path) && ![INDEX_FILE, REJECTED_FILE].includes(file.path);
    if (isOther && sizes.has(file.path))
      rest.push(await thread.run({ type: "other", location, path: file.path, recorded: file }));
  }
  const size = sizes.get(REJECTED_FILE);
  if (size === undefined) return { rejects: null, rest };
  const runs = manifest?.runs ?? [];
  const rejectedOf = (some: Manifest["runs"]) =>
    some.map(({ counts }) => counts).reduce(addCounts, emptyCounts()).rejected;
  // A conversion that was made again after a repair may have taken the place of the one before, or added to it.
  const expected =
    runs.length === 0 ? null : { least: rejectedOf(runs.filter(({ whole }) => whole)), most: rejectedOf(runs) };
  const job = { size, recorded: recordOf(REJECTED_FILE), expected };
  return { rejects: await thread.run({ type: "rejects", location, job }), rest };
}

/** Looks for what the index holds beyond the days. */
function checkLeftOver(
  thread: TaskThread<VerifyTasks>,
  indexPath: string,
  days: DayFindings[],
  missing: string[],
): Promise<Findings> {
  const numbers = [...days.map(({ path }) => path), ...missing].map(dayOfFile).filter((day) => day !== null);
  const isWhole = missing.length === 0 && days.every(({ isCompared, isSound }) => isCompared && isSound);
  return thread.run({
    type: "totals",
    job: {
      indexPath,
      days: numbers.sort((a, b) => a - b),
      rows: days.reduce((sum, day) => sum + day.rows, 0),
      tags: isWhole ? days.reduce((sum, day) => sum + day.tags, 0) : null,
    },
  });
}

/** The counts of the manifest, as far as what is damaged does not explain them. */
function checkCounts(
  manifest: Manifest | null,
  days: DayFindings[],
  missing: string[],
  findings: FindingsWriter,
): void {
  if (manifest === null) return;
  const problem = (text: string) => findings.add(MANIFEST_FILE, "manifest", text);
  for (const [i, { counts }] of manifest.runs.entries()) {
    const sum = counts.events + counts.duplicates + totalOf(counts.rejected) + totalOf(counts.filtered);
    if (sum !== counts.lines)
      problem(`the counts of its conversion ${i + 1} do not add up: ${counts.lines} lines became ${sum}`);
  }
  if (missing.length > 0 || days.some(({ isSound }) => !isSound)) return;
  const events = days.reduce((sum, day) => sum + day.events, 0);
  if (manifest.events !== events)
    problem(`says ${formatCount(manifest.events)} events, but the files hold ${formatCount(events)}`);
  if (manifest.days !== days.length)
    problem(`says ${formatCount(manifest.days)} days, but there are files of ${formatCount(days.length)}`);
}

async function notesOf({ notes }: Findings, files: ArchiveFiles): Promise<string[]> {
  const plan = await files.stat(workKeys.plan);
  if (plan === null) return notes;
  const advice =
    "a conversion into this archive is unfinished. If it was interrupted while it published, files and manifest differ until it is repeated.";
  return [...notes, advice];
}
