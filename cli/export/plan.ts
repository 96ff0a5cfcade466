import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ProtonBeamError } from "../errors.ts";
import { createAtomicFile } from "../store/atomic.ts";
import type { ExportDay } from "./days.ts";
import { openDoneDays } from "./done-days.ts";
import { type Encoding, extensionOf } from "./encoding.ts";
import { assertWritable, createStdoutOutput, type Output } from "./output.ts";
import type { Target } from "./write.ts";

const DAILY_EXTENSION = ".pb.gz";

/** What is to be written. */
export interface OutputPlan {
  targets: Target[];
  /** Days that are there already. */
  kept: number;
}

/**
 * @param path null: standard output
 * @throws {ProtonBeamError} when something is there that must not be overwritten
 */
export function planOutput(
  days: ExportDay[],
  path: string | null,
  encoding: Encoding,
  { split, force }: { split?: "day"; force: boolean },
): OutputPlan {
  if (path === null) return { targets: [{ days, open: createStdoutOutput }], kept: 0 };
  if (split === undefined) {
    assertWritable(path, force);
    return { targets: [{ days, open: () => createAtomicFile(path) }], kept: 0 };
  }
  return planDays(path, force, encoding, days);
}

function planDays(folder: string, force: boolean, encoding: Encoding, days: ExportDay[]): OutputPlan {
  mkdirSync(folder, { recursive: true });
  const done = openDoneDays(folder);
  const targets: Target[] = [];
  for (const day of days) {
    const name = day.path.replace(DAILY_EXTENSION, extensionOf(encoding));
    const state = done.stateOf(name, day.source);
    if (state === "foreign" && !force)
      throw new ProtonBeamError(
        `${join(folder, name)} is there already, and no export of this archive made it. Nothing was written. ` +
          "Choose another directory, or overwrite it with --force.",
      );
    if (state === "done" && !force) continue;
    const open = (): Output => {
      const file = createAtomicFile(join(folder, name));
      return {
        ...file,
        commit: () => {
          done.note(name, day.source);
          file.commit();
        },
      };
    };
    targets.push({ days: [day], open });
  }
  return { targets, kept: days.length - targets.length };
}
