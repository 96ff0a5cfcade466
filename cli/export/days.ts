import type { ArchiveFiles } from "../archive/files.ts";
import { manifestOf } from "../archive/open.ts";
import { EXIT, ProtonBeamError } from "../errors.ts";
import type { IndexReader } from "../index/read.ts";
import { isDayInRange, type TimeRange } from "./time-range.ts";

/** A daily file that is to be exported. */
export interface ExportDay {
  path: string;
  size: number;
  /** SHA-256 of the file, or where no manifest has it what else tells its versions apart. */
  source: string;
}

/**
 * The days of an archive that may have events of the range, in their order.
 * @throws {ProtonBeamError} when a file is missing, or is not the one that the index knows
 */
export async function findDays(files: ArchiveFiles, index: IndexReader, range: TimeRange): Promise<ExportDay[]> {
  const [found, manifest] = await Promise.all([files.list(), manifestOf(files)]);
  const sizes = new Map(found.map(({ path, size }) => [path, size]));
  const digests = new Map(manifest?.files.map(({ path, sha256 }) => [path, sha256]));
  const days: ExportDay[] = [];
  for (const path of index.paths()) {
    if (!isDayInRange(path, range)) continue;
    const size = sizes.get(path);
    const last = index.members(path).at(-1);
    if (size === undefined || last === undefined || last.offset + last.length !== size)
      throw new ProtonBeamError(
        `${files.place(path)} ${size === undefined ? "is missing" : "is not the file that index.db knows"}. Nothing was written. ` +
          `See what is wrong with: proton-beam verify ${files.place("")}`,
        EXIT.failed,
      );
    const source = digests.get(path) ?? (await files.stat(path))?.version ?? String(size);
    days.push({ path, size, source });
  }
  return days;
}
