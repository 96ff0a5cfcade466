import { isDeepStrictEqual } from "node:util";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { type IndexReader, openIndex } from "../index/read.ts";
import { dayOfFile, INDEX_FILE } from "../store/layout.ts";
import type { Manifest } from "./manifest.ts";

/**
 * Sees to it that the index of an archive knows all its daily files, before anything is added to them by it.
 * @param path the index on this disk
 * @throws {ProtonBeamError} when it cannot be read, or is of another state of the archive than the manifest
 */
export function assertIndexFits(path: string, manifest: Manifest, place: string): void {
  const fault = faultOf(path, manifest);
  if (fault === null) return;
  throw new ProtonBeamError(
    `the ${INDEX_FILE} of ${place} ${fault}, so nothing can be added by it. Make it anew first: proton-beam index rebuild ${place}`,
    EXIT.failed,
  );
}

function faultOf(path: string, manifest: Manifest): string | null {
  try {
    const index = openIndex(path);
    try {
      return differenceFrom(index, manifest);
    } finally {
      index.close();
    }
  } catch (error) {
    return `cannot be read: ${errorMessage(error)}`;
  }
}

function differenceFrom(index: IndexReader, { files, indexTags }: Manifest): string | null {
  const tags = index.tags();
  if (!isDeepStrictEqual(tags, indexTags))
    return `looks up the tags ${tags.join(",") || "none"}, by the manifest ${indexTags.join(",") || "none"}`;
  const sizes = index.fileSizes();
  const other = files.find(({ path, size }) => dayOfFile(path) !== null && sizes.get(path) !== size);
  return other === undefined ? null : `does not know ${other.path} as the manifest does`;
}
