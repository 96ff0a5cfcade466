import { expect } from "bun:test";
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { describeIndex } from "../run/archive.ts";
import { digests, runCli, type temporaryFolder } from "../run/cli.ts";
import { copyOf, dayFiles, linesOf, makeArchive, verifyHere } from "../verify/damage.ts";

/** An archive that is well, and copies of it that are damaged. */
export async function startRepairs(folder: ReturnType<typeof temporaryFolder>) {
  const dump = await makeArchive(folder.path, "well");
  const well = folder.join("well");
  const [first, second, third] = dayFiles(well);
  let copies = 0;
  return {
    /** What `well` was made of. */
    dump,
    well,
    first,
    second,
    third,
    damaged: (damage: (archive: string) => void): string => {
      const archive = copyOf(well, folder.join(`copy-${copies++}`));
      damage(archive);
      return archive;
    },
    /** Two daily files in each other's place. */
    exchange: (archive: string) => {
      renameSync(join(archive, first), join(archive, "kept"));
      renameSync(join(archive, second), join(archive, first));
      renameSync(join(archive, "kept"), join(archive, second));
    },
    /** The files are those of the archive that was never damaged, and nothing is left over. */
    expectWell: async (archive: string): Promise<void> => {
      expect(digests(archive)).toEqual(digests(well));
      expect(describeIndex(archive)).toEqual(describeIndex(well));
      expect(linesOf(await verifyHere(archive))).toEqual([]);
      expect(existsSync(join(archive, ".proton-beam"))).toBe(false);
    },
  };
}

/** Runs `proton-beam repair`. */
export async function repair(archive: string, ...options: string[]) {
  const { stdout, stderr, exitCode } = await runCli([
    "repair",
    archive,
    "--no-progress",
    "--no-signatures",
    ...options,
  ]);
  expect(stderr).toBe("");
  return { stdout, exitCode };
}
