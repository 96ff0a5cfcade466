import { join } from "node:path";
import type { ArchiveFiles } from "../archive/files.ts";
import { formatCount } from "../report/format.ts";
import type { FileRecord } from "../run/manifest.ts";
import { writeAtomically } from "../store/atomic.ts";
import { readBlocks } from "../store/blocks.ts";
import { sha256OfFile } from "../store/checksum.ts";
import { REJECTED_FILE } from "../store/layout.ts";
import type { Verification } from "../verify/verify.ts";
import type { Commit } from "./commit.ts";
import { fetchCopy } from "./copy.ts";

/** What is made of the rejected lines. */
export interface RepairedRejects extends Pick<Commit, "steps" | "told" | "isWhole"> {
  file: FileRecord;
}

/** Whether the file of the rejected lines is not what it should be. */
export function areRejectsBad({ rejects, manifest, problems }: Verification): boolean {
  const record = manifest?.files.find(({ path }) => path === REJECTED_FILE);
  if (rejects === null) return record !== undefined;
  return problems.some(({ file, subject }) => file === REJECTED_FILE && subject === "file") || isOther(rejects, record);
}

function isOther(found: { sha256: string }, record: FileRecord | undefined): boolean {
  return record !== undefined && record.sha256 !== found.sha256;
}

/** Takes `rejected.jsonl.gz` from a copy, or keeps its beginning as far as it is whole. */
export async function repairRejects(
  folder: string,
  workFolder: string,
  from: ArchiveFiles | null,
  verification: Verification,
): Promise<RepairedRejects | null> {
  const { rejects, manifest } = verification;
  const path = REJECTED_FILE;
  const here = join(folder, path);
  const made = join(workFolder, path);
  if (!areRejectsBad(verification)) {
    const size = rejects === null ? 0 : Bun.file(here).size;
    return rejects === null
      ? null
      : { file: { path, size, sha256: rejects.sha256 }, steps: [], told: [], isWhole: true };
  }
  const record = manifest?.files.find((file) => file.path === path);
  const steps: Commit["steps"] = [{ made: path, to: path, keep: true }];
  if (record !== undefined && from !== null && (await fetchCopy(from, record, made)))
    return { file: record, steps, told: [`${path}: is taken from the copy`], isWhole: true };

  const size = rejects === null ? 0 : Bun.file(here).size;
  if (record !== undefined && size > record.size) {
    copyBeginning(here, record.size, made);
    if (sha256OfFile(made) === record.sha256)
      return { file: record, steps, told: [`${path}: what was added behind its end is cut off`], isWhole: true };
  }
  const sound = rejects?.soundBytes ?? 0;
  if (rejects !== null && sound === size)
    return {
      file: { path, size, sha256: rejects.sha256 },
      steps: [],
      told: [`${path}: is whole, but not the file of the manifest; it is kept`],
      isWhole: false,
    };
  if (sound > 0) copyBeginning(here, sound, made);
  else writeAtomically(made, (file) => file.write(Bun.gzipSync(new Uint8Array())));
  return {
    file: { path, size: Bun.file(made).size, sha256: sha256OfFile(made) },
    steps,
    told: [`${path}: is kept up to byte ${formatCount(sound)}, as far as it is whole`],
    isWhole: false,
  };
}

function copyBeginning(from: string, length: number, to: string): void {
  writeAtomically(to, (file) => {
    for (const block of readBlocks(from, length)) file.write(block);
  });
}
