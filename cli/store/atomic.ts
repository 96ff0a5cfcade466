import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { writeAll } from "./blocks.ts";
import { createWriteBack } from "./write-back.ts";

/** Names that end so are unfinished; whoever finds one at the start of a run removes it. */
export const TEMPORARY_SUFFIX = ".tmp";

/** A file that appears under its name whole or not at all. */
export interface AtomicFile {
  write(bytes: Uint8Array): void;
  /** Makes the bytes durable (fsync of the file and of its folder) and gives the file its name. */
  commit(): void;
  /** Removes what was written. */
  abort(): void;
}

/** Starts a file that will be `path` after `commit()`. */
export function createAtomicFile(path: string): AtomicFile {
  const temporary = path + TEMPORARY_SUFFIX;
  const file = openSync(temporary, "w");
  const written = createWriteBack(file);
  return {
    write: (bytes) => {
      writeAll(file, bytes);
      written(bytes.length);
    },
    commit: () => {
      fsyncSync(file);
      closeSync(file);
      renameDurably(temporary, path);
    },
    abort: () => {
      closeSync(file);
      rmSync(temporary, { force: true });
    },
  };
}

/** Runs `fill` on a new file and commits it, or leaves nothing when `fill` throws. */
export function writeAtomically<T>(path: string, fill: (file: AtomicFile) => T): T {
  const file = createAtomicFile(path);
  let result: T;
  try {
    result = fill(file);
  } catch (error) {
    file.abort();
    throw error;
  }
  file.commit();
  return result;
}

/** Renames within one file system and makes the new name durable. */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  syncFolder(dirname(to));
}

/** Makes the names in a folder durable. */
export function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  fsyncSync(folder);
  closeSync(folder);
}
