import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { ProtonBeamError } from "../errors.ts";
import { type Input, identityOf } from "./inputs.ts";

const BLOCK_BYTES = 1024 ** 2;

/**
 * The bytes of a file from `from` to its end, in blocks. A block is valid until the next one is taken.
 * @throws {ProtonBeamError} when the file is no longer the one that was planned
 */
export async function* readFile(input: Input, from: number): AsyncGenerator<Uint8Array> {
  const file = openSync(input.name, "r");
  try {
    assertUnchanged(input, fstatSync(file));
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
export function assertInputUnchanged(input: Input): void {
  if (input.size !== null) assertUnchanged(input, statSync(input.name));
}

function assertUnchanged(input: Input, stats: Stats): void {
  const { size, modified } = identityOf(input.name, stats);
  if (size === input.size && modified === input.modified) return;
  throw new ProtonBeamError(
    `${input.name} changed while it was converted, so nothing was published. Convert a copy that nobody writes to; ` +
      "remove the .proton-beam folder of the output directory first.",
  );
}
