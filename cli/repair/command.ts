import { existsSync } from "node:fs";
import { z } from "zod";
import { parseLocation } from "../archive/location.ts";
import { parseArgs } from "../args.ts";
import { EXIT, type ExitCode, ProtonBeamError } from "../errors.ts";
import { createS3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { createProgress, silentProgress } from "../report/progress.ts";
import { createOutput } from "../stdout.ts";
import { DAMAGED_FOLDER } from "./commit.ts";
import { planRepair, type Repaired, repairArchive } from "./repair.ts";

const argsSchema = z.object({
  archive: z.string().min(1),
  from: z.string().min(1).optional(),
  dryRun: z.boolean(),
  parallel: z.number().int().min(1).max(1024),
  signatures: z.boolean(),
  progress: z.boolean(),
  ...networkArgsSchema.shape,
});

/**
 * Runs `proton-beam repair` with its arguments.
 * @throws {ProtonBeamError} when the arguments are wrong, or the archive cannot be repaired here
 */
export async function runRepair(parsedArgs: unknown): Promise<ExitCode> {
  const {
    archive,
    from,
    dryRun,
    parallel,
    signatures,
    progress: isShown,
    ...network
  } = parseArgs(argsSchema, parsedArgs);
  const access = accessOfArgs(network);
  const location = parseLocation(archive, access);
  if (location.kind === "s3") throw inS3(archive);
  const { folder } = location;
  if (!existsSync(folder)) throw new ProtonBeamError(`there is no ${folder}`, EXIT.failed);
  const progress = isShown ? createProgress(process.stderr) : silentProgress;
  const request = { folder, from: from === undefined ? null : parseLocation(from, access), parallel, signatures };
  const context = { clients: createS3Clients(), progress };
  const output = createOutput();
  try {
    if (dryRun) {
      const lines = await planRepair(request, context);
      progress.end();
      await output.write(describePlan(folder, lines));
      return EXIT.done;
    }
    const repaired = await repairArchive(request, context);
    progress.end();
    await output.write(describeRepaired(folder, repaired));
    return repaired?.isWhole === false ? EXIT.failed : EXIT.done;
  } finally {
    progress.end();
  }
}

function inS3(archive: string): ProtonBeamError {
  return new ProtonBeamError(
    `repair works on an archive on this disk. Fetch ${archive} with "aws s3 sync", repair it, and sync it back; ` +
      `if only the index is wrong: proton-beam index rebuild ${archive}`,
    EXIT.usage,
  );
}

function describePlan(folder: string, lines: string[]): string {
  if (lines.length === 0) return `nothing to repair in ${folder}\n`;
  return `${lines.join("\n")}\nnothing was changed (--dry-run)\n`;
}

function describeRepaired(folder: string, repaired: Repaired): string {
  if (repaired === null) return `nothing to repair in ${folder}\n`;
  const lines = [...repaired.told];
  if (existsSync(`${folder}/${DAMAGED_FOLDER}`))
    lines.push(`files that were replaced are kept in ${folder}/${DAMAGED_FOLDER}`);
  lines.push(
    repaired.isWhole
      ? `${folder} is whole again`
      : `${folder} can be used again, but something is lost: convert the same inputs into it once more, and what is missing is added`,
  );
  return `${lines.join("\n")}\n`;
}
