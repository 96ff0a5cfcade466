import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { openFiles } from "../archive/files.ts";
import { type ArchiveLocation, parseLocation } from "../archive/location.ts";
import { cacheFolder, manifestOf } from "../archive/open.ts";
import { parseArgs } from "../args.ts";
import { EXIT, type ExitCode, ProtonBeamError } from "../errors.ts";
import { createS3Clients, type S3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { formatBytes, formatCount, formatDays, formatRows } from "../report/format.ts";
import { createProgress, silentProgress } from "../report/progress.ts";
import { describeArchive, parseManifest, serializeManifest, writeManifest } from "../run/manifest.ts";
import { createStop, type Stop, stopOnSignals } from "../run/stop.ts";
import { lockWorkspace, unfinishedRun } from "../run/workspace.ts";
import { renameDurably, writeAtomically } from "../store/atomic.ts";
import { createBucket } from "../store/bucket.ts";
import { INDEX_FILE, isArchiveKey, MANIFEST_FILE, type WorkLayout, workKeys, workLayout } from "../store/layout.ts";
import { acquireLease, leaseLost } from "../store/lease.ts";
import { type RebuildRequest, type Rebuilt, rebuildIndex } from "./rebuild.ts";

const LEASE_MS = 60_000;

const argsSchema = z.object({
  archive: z.string().min(1),
  indexTags: z.array(z.string()).optional(),
  workDir: z.string().min(1).optional(),
  parallel: z.number().int().min(1).max(1024),
  progress: z.boolean(),
  json: z.boolean(),
  ...networkArgsSchema.shape,
});
type RebuildArgs = z.infer<typeof argsSchema>;

/** What does not depend on where the archive is. */
type Shared = Pick<RebuildRequest, "location" | "files" | "indexTags" | "parallel" | "progress" | "signal">;

/** Runs `proton-beam index rebuild` with its arguments. @throws {ProtonBeamError} */
export async function runRebuild(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  const clients = createS3Clients();
  const location = parseLocation(args.archive, accessOfArgs(args));
  const stop = createStop();
  stopOnSignals(stop);
  const progress = args.progress ? createProgress(process.stderr) : silentProgress;
  const files = openFiles(location, clients);
  const shared: Shared = {
    location,
    files,
    indexTags: args.indexTags ?? null,
    parallel: args.parallel,
    progress,
    signal: stop.signal,
  };
  try {
    const rebuilt =
      location.kind === "local"
        ? await rebuildHere(location.folder, shared)
        : await rebuildInS3(location, shared, args, clients, stop);
    progress.end();
    warn(files.place(""), rebuilt);
    process.stdout.write(args.json ? `${JSON.stringify(summaryOf(rebuilt), null, 2)}\n` : describe(rebuilt));
    return EXIT.done;
  } catch (error) {
    progress.end();
    throw stop.reason() ?? error;
  }
}

async function rebuildHere(folder: string, shared: Shared): Promise<Rebuilt> {
  if (!existsSync(folder)) throw new ProtonBeamError(`there is no ${folder}`, EXIT.usage);
  const layout = workLayout(folder);
  const catalog = lockWorkspace(layout);
  try {
    if (existsSync(layout.plan)) throw unfinishedRun(folder);
    return await rebuildIndex({
      ...shared,
      manifest: await manifestOf(shared.files),
      workFolder: layout.rebuild,
      publish: async (indexPath, _, manifest) => {
        renameDurably(indexPath, join(folder, INDEX_FILE));
        writeManifest(join(folder, MANIFEST_FILE), manifest);
      },
    });
  } finally {
    removeIfIdle(layout);
    catalog.close();
  }
}

async function rebuildInS3(
  { settings }: ArchiveLocation & { kind: "s3" },
  shared: Shared,
  args: RebuildArgs,
  clients: S3Clients,
  stop: Stop,
): Promise<Rebuilt> {
  const bucket = createBucket(settings, clients);
  const place = bucket.url("");
  const workDir = args.workDir ?? cacheFolder("rebuild", settings);
  const layout = workLayout(workDir);
  const catalog = lockWorkspace(layout);
  try {
    if (!existsSync(layout.owner)) writeAtomically(layout.owner, (file) => file.write(Buffer.from(randomUUID())));
    const lease = await acquireLease({
      bucket,
      key: workKeys.lease,
      owner: readFileSync(layout.owner, "utf8"),
      leaseMs: LEASE_MS,
      signal: stop.signal,
      onWait: (holder) => process.stderr.write(`proton-beam: waiting for the lease of ${holder} to expire\n`),
    });
    lease.lost.addEventListener("abort", () => stop.because(leaseLost(place)));
    try {
      if ((await bucket.readText(workKeys.plan)) !== null) throw unfinishedRun(place);
      // Those that a dead process left.
      await bucket.abortUploads(isArchiveKey);
      const stored = await bucket.readText(MANIFEST_FILE);
      const rebuilt = await rebuildIndex({
        ...shared,
        manifest: stored === null ? null : parseManifest(bucket.url(MANIFEST_FILE), stored.text),
        workFolder: layout.rebuild,
        publish: async (indexPath, { sha256 }, manifest) => {
          lease.assertHeld();
          await bucket.upload(INDEX_FILE, indexPath, { contentType: "application/vnd.sqlite3", sha256, final: true });
          lease.assertHeld();
          const condition = stored === null ? { absent: true as const } : { etag: stored.etag };
          const text = serializeManifest(manifest);
          if ((await bucket.putText(MANIFEST_FILE, text, "application/json", condition)) === null)
            throw leaseLost(place);
        },
      });
      return rebuilt;
    } finally {
      await lease.release();
    }
  } finally {
    removeIfIdle(layout);
    catalog.close();
  }
}

/** Removes the work folder when only the lock and the disk's name are in it. The lock is held until it is gone. */
function removeIfIdle({ root, catalog, owner }: WorkLayout): void {
  // The lock may have its journal beside it.
  const isIdle = (name: string) => name.startsWith(basename(catalog)) || name === basename(owner);
  if (readdirSync(root).every(isIdle)) rmSync(root, { recursive: true });
}

function warn(place: string, { misplaced, changed, manifest }: Rebuilt): void {
  const say = (text: string) => process.stderr.write(`proton-beam: ${text}\n`);
  if (changed.length > 0)
    say(
      `${place}: not there as the manifest said: ${firstOf(changed)}; it says now what is there` +
        (manifest.runs.length > 0 ? ", and convert will read its inputs again for what is missing" : ""),
    );
  if (misplaced.length > 0) say(`${place}: files with events of other days: ${firstOf(misplaced)}`);
}

function firstOf(names: string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(", ")}, …` : names.join(", ");
}

function summaryOf({ manifest, reused, duplicates, misplaced, changed }: Rebuilt) {
  return { ...describeArchive(manifest), indexTags: manifest.indexTags, reused, duplicates, misplaced, changed };
}

function describe({ manifest, duplicates, reused }: Rebuilt): string {
  const { events, days } = manifest;
  const bytes = manifest.files.find(({ path }) => path === INDEX_FILE)?.size ?? 0;
  const rows = [
    ["index", `${formatCount(events)} events of ${formatDays(days)}, ${formatBytes(bytes)}`],
    ["tags", manifest.indexTags.join(",") || "none (--index-tags)"],
    ...(duplicates > 0 ? [["duplicates", `${formatCount(duplicates)}, not in the index`]] : []),
    ...(reused > 0 ? [["resumed", `${formatCount(reused)} days were ready`]] : []),
  ];
  return formatRows(rows);
}
