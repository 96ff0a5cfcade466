import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { ProtonBeamError } from "../errors.ts";
import { fileState } from "./local.ts";
import type { Location } from "./source.ts";

const BLOCK_BYTES = 1024 ** 2;

type FileLocation = Location & { kind: "file" };

/**
 * The bytes of a file from `from` to its end, in blocks. A block is valid until the next one is taken.
 * @throws {ProtonBeamError} when the file is no longer the one that was planned
 */
export async function* readFile(location: FileLocation, from: number): AsyncGenerator<Uint8Array> {
  const file = openSync(location.path, "r");
  try {
    assertUnchanged(location, fileState(fstatSync(file)));
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let position = from; ; ) {
      const read = readSync(file, block, 0, BLOCK_BYTES, position);
      if (read === 0) break;
      position += read;
      yield block.subarray(0, read);
    }
  } finally {
    closeSync(file);
  }
}

/** @throws {ProtonBeamError} when an input file is no longer the one that was planned */
export function assertFileUnchanged(location: FileLocation): void {
  assertUnchanged(location, fileState(statSync(location.path)));
}

function assertUnchanged({ path, size, modified }: FileLocation, now: { size: number; modified: number }): void {
  if (size !== now.size || modified !== now.modified) throw changedSource(path);
}

/** The error of an input that is no longer what it was when the run began. */
export function changedSource(name: string, how = ""): ProtonBeamError {
  return new ProtonBeamError(
    `${name} changed while it was converted${how}, so nothing was published. Convert a copy that nobody writes to; ` +
      "remove the .proton-beam folder of the output first.",
  );
}
