import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { syncFolder, writeAtomically } from "../store/atomic.ts";
import type { WorkLayout } from "../store/layout.ts";

/** Where the files that were damaged are kept, in the archive's directory. */
export const DAMAGED_FOLDER = ".proton-beam-damaged";
export const LOST_IDS_FILE = "lost-ids.txt";

const COMMIT_FILE = "commit.json";

/**
 * What a repair has made and is about to put into its place. From the moment it is written the repair is carried out to its
 * end, by this process or the next one: events may have left one file and not yet be in another.
 */
const commitSchema = z.object({
  /** Each a file of the work folder that goes to a place in the archive's directory, or null for a file that goes. */
  steps: z.array(
    z.object({
      made: z.string().nullable(),
      to: z.string(),
      /** Whether the file that is there is kept in {@link DAMAGED_FOLDER}. */
      keep: z.boolean(),
    }),
  ),
  rebuildIndex: z.boolean(),
  indexTags: z.array(z.string()),
  /** What is told of the files. */
  told: z.array(z.string()),
  /** Events that are lost, as far as the index could tell. */
  lost: z.number().int(),
  /** Whether the archive has all that it had. */
  isWhole: z.boolean(),
});
export type Commit = z.infer<typeof commitSchema>;

/** Where a repair makes what it needs. */
export function repairFolder({ root }: WorkLayout): string {
  return join(root, "repair");
}

/** Whether a repair was interrupted that has to be carried out to its end. */
export function isRepairPending(layout: WorkLayout): boolean {
  return existsSync(join(repairFolder(layout), COMMIT_FILE));
}

export function readCommit(workFolder: string): Commit | null {
  const path = join(workFolder, COMMIT_FILE);
  return existsSync(path) ? commitSchema.parse(JSON.parse(readFileSync(path, "utf8"))) : null;
}

export function writeCommit(workFolder: string, commit: Commit): void {
  writeAtomically(join(workFolder, COMMIT_FILE), (file) => file.write(Buffer.from(JSON.stringify(commit))));
}

/** Takes the steps that are not taken yet. */
export function applyCommit(folder: string, workFolder: string, { steps }: Commit): void {
  const damaged = join(folder, DAMAGED_FOLDER);
  for (const { made, to, keep } of steps) {
    const target = join(folder, to);
    // What was made is gone from the work folder when its step was taken.
    if (made !== null && !existsSync(join(workFolder, made))) continue;
    if (keep && existsSync(target)) keepFile(target, damaged);
    mkdirSync(dirname(target), { recursive: true });
    if (made === null) rmSync(target, { force: true });
    else renameSync(join(workFolder, made), target);
    syncFolder(dirname(target));
  }
}

/** Gives a file a second name in `folder`: its own, or with a number when that is taken by another file. */
function keepFile(path: string, folder: string): void {
  const { ino } = statSync(path);
  mkdirSync(folder, { recursive: true });
  for (let n = 1; ; n++) {
    const name = join(folder, n === 1 ? basename(path) : `${basename(path)}.${n}`);
    if (!existsSync(name)) linkSync(path, name);
    if (statSync(name).ino === ino) break;
  }
  syncFolder(folder);
}
