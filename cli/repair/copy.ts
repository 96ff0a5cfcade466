import { rmSync } from "node:fs";
import type { ArchiveFiles } from "../archive/files.ts";
import type { FileRecord } from "../run/manifest.ts";
import { createAtomicFile } from "../store/atomic.ts";
import { hashing } from "../verify/slices.ts";

/** Takes a file from a copy of the archive, if it is there as the manifest says. @returns whether it was */
export async function fetchCopy(from: ArchiveFiles, { path, size, sha256 }: FileRecord, to: string): Promise<boolean> {
  if ((await from.stat(path))?.size !== size) return false;
  const stored = hashing(from.stream(path, 0, size));
  const file = createAtomicFile(to);
  try {
    for await (const piece of stored.stream) file.write(piece);
  } catch (error) {
    file.abort();
    throw error;
  }
  file.commit();
  if (stored.sha256() === sha256) return true;
  rmSync(to);
  return false;
}
