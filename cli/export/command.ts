import { z } from "zod";
import { parseLocation } from "../archive/location.ts";
import { type Archive, openArchive } from "../archive/open.ts";
import { parseArgs } from "../args.ts";
import { EXIT, type ExitCode, errorCode, errorMessage, ProtonBeamError } from "../errors.ts";
import { type IndexReader, openIndex } from "../index/read.ts";
import { createS3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { formatBytes, formatCount, formatDuration } from "../report/format.ts";
import { createProgress, silentProgress } from "../report/progress.ts";
import { createStop, stopOnSignals } from "../run/stop.ts";
import { STDIN, STDIN_DEVICE } from "../source/stdin.ts";
import { findDays } from "./days.ts";
import { COMPRESSIONS, chooseEncoding, type Encoding, FORMATS } from "./encoding.ts";
import { UnreadOutput } from "./output.ts";
import { planOutput } from "./plan.ts";
import type { TimeRange } from "./time-range.ts";
import { writeTargets } from "./write.ts";

const argsSchema = z.object({
  archive: z.string().min(1),
  output: z.string().min(1).optional(),
  format: z.enum(FORMATS).optional(),
  compress: z.enum(COMPRESSIONS).optional(),
  split: z.literal("day").optional(),
  days: z.object({ since: z.number(), until: z.number() }).optional(),
  since: z.number().optional(),
  until: z.number().optional(),
  force: z.boolean(),
  parallel: z.number().int().min(1).max(1024),
  progress: z.boolean(),
  ...networkArgsSchema.shape,
});
type ExportArgs = z.infer<typeof argsSchema>;

/**
 * Runs `proton-beam export` with its arguments.
 * @throws {ProtonBeamError} when the arguments are wrong, or it fails
 */
export async function runExport(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  const path = outputPath(args);
  const encoding = encodingOf(args, path);
  const range = rangeOf(args);
  const clients = createS3Clients();
  const archive = await openArchive(parseLocation(args.archive, accessOfArgs(args)), clients);
  const index = openIndexOf(archive);
  // In a pipe it would be noise between the messages of others.
  const isShown = args.progress && (path !== null || (process.stderr.isTTY && !process.stdout.isTTY));
  const progress = isShown ? createProgress(process.stderr) : silentProgress;
  const stop = createStop();
  if (path !== null) stopOnSignals(stop);
  const started = performance.now();
  try {
    const days = await findDays(archive.files, index, range);
    const plan = planOutput(days, path, encoding, args);
    const job = { archive, index, targets: plan.targets, range, encoding, parallel: args.parallel };
    const done = await writeTargets(job, progress, stop.signal);
    progress.end();
    const kept = plan.kept === 0 ? "" : `, ${formatCount(plan.kept)} days were there already`;
    process.stderr.write(
      `${formatCount(done.events)} events of ${formatCount(days.length - plan.kept)} days: ` +
        `${formatBytes(done.bytes)} in ${formatDuration(performance.now() - started)}${kept}\n`,
    );
    return EXIT.done;
  } catch (error) {
    progress.end();
    if (error instanceof UnreadOutput) return EXIT.done;
    throw explain(error, path);
  } finally {
    index.close();
  }
}

/** Null: standard output. `main.ts` has put the device of standard input where a lone dash was. */
function outputPath({ output, split }: ExportArgs): string | null {
  const path = output === undefined || output === STDIN || output === STDIN_DEVICE ? null : output;
  if (path === null && split !== undefined)
    throw new ProtonBeamError("--split day writes files: say with --output in which directory", EXIT.usage);
  return path;
}

function encodingOf({ output, split, ...args }: ExportArgs, path: string | null): Encoding {
  const encoding = chooseEncoding(split === undefined ? path : null, args, split === undefined ? "none" : "gzip");
  if (path === null && process.stdout.isTTY && (encoding.format === "parquet" || encoding.compress !== "none"))
    throw new ProtonBeamError("this is no text for a terminal: redirect it, or name a file with --output", EXIT.usage);
  return encoding;
}

function rangeOf({ split, days, since, until }: ExportArgs): TimeRange {
  if (split !== undefined && (since !== undefined || until !== undefined))
    throw new ProtonBeamError(
      "--split day writes whole days: choose them with --days instead of --since and --until",
      EXIT.usage,
    );
  return { since: days?.since ?? since ?? null, until: days?.until ?? until ?? null };
}

function openIndexOf({ indexPath, place }: Archive): IndexReader {
  try {
    return openIndex(indexPath);
  } catch (error) {
    throw new ProtonBeamError(
      `${indexPath} cannot be read: ${errorMessage(error)}. Make it anew with: proton-beam index rebuild ${place}`,
      EXIT.failed,
      { cause: error },
    );
  }
}

function explain(error: unknown, path: string | null): unknown {
  if (path !== null && errorCode(error) === "ENOSPC")
    return new ProtonBeamError(
      `the disk of ${path} is full. What is not whole was removed: free some space and run the same command again.`,
      EXIT.resumable,
      { cause: error },
    );
  return error;
}
