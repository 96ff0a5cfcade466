import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { EXIT, ProtonBeamError } from "../errors.ts";
import { createOutput } from "../stdout.ts";

/** Where an export goes. */
export interface Output {
  write(bytes: Uint8Array): void | Promise<void>;
  /** All was written. */
  commit(): void;
  /** Leaves nothing of it, where that can be. */
  abort(): void;
}

/** @throws {ProtonBeamError} when no file of that name can be made, or there is one that must not be overwritten */
export function assertWritable(path: string, overwrite: boolean): void {
  if (!existsSync(dirname(path)))
    throw new ProtonBeamError(`there is no directory ${dirname(path)}: make it first`, EXIT.failed);
  if (!existsSync(path)) return;
  const stat = statSync(path);
  if (stat.isDirectory())
    throw new ProtonBeamError(
      `${path} is a directory. Name a file, or add --split day for a file of each day in it.`,
      EXIT.usage,
    );
  if (!stat.isFile())
    throw new ProtonBeamError(
      `${path} is no ordinary file. Leave --output out and redirect the output to it.`,
      EXIT.usage,
    );
  if (!overwrite)
    throw new ProtonBeamError(
      `${path} is there already. Choose another name, or overwrite it with --force.`,
      EXIT.failed,
    );
}

/** Nobody reads standard output any more, as after `| head`. */
export class UnreadOutput extends Error {}

/** Standard output. Writing throws {@link UnreadOutput}, or a {@link ProtonBeamError} when it fails. */
export function createStdoutOutput(): Output {
  const stdout = createOutput();
  return {
    write: async (bytes) => {
      if (!(await stdout.write(bytes))) throw new UnreadOutput();
    },
    commit: () => {},
    abort: () => {},
  };
}
