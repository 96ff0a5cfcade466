import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { EXIT, ProtonBeamError } from "../errors.ts";
import type { Input } from "./inputs.ts";

const BLOCK_BYTES = 1024 ** 2;

/**
 * The bytes of a file from `from` to its end, in blocks. A block is valid until the next one is taken.
 * @throws {ProtonBeamError} when the file is no longer the one that was planned
 */
export async function* readFile(input: Input, from: number): AsyncGenerator<Uint8Array> {
  const file = openSync(input.name, "r");
  try {
    assertUnchanged(file, input);
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

function assertUnchanged(file: number, input: Input): void {
  const { size, mtimeMs } = fstatSync(file);
  if (size === input.size && Math.floor(mtimeMs) === input.modified) return;
  throw new ProtonBeamError(
    `${input.name} changed while it was read. Convert a file that nobody writes to; ` +
      "then remove the unfinished work as the next run tells you, or restore the file.",
    EXIT.failed,
  );
}
