import { z } from "zod";
import { parseLocation } from "../archive/location.ts";
import { parseArgs } from "../args.ts";
import type { ExitCode } from "../errors.ts";
import { createS3Clients } from "../net/s3.ts";
import { accessOfArgs, linkOfArgs } from "../net/s3-args.ts";
import { convertOptionsSchema } from "../plan/options.ts";
import { formatArchive, formatCount, formatDuration, formatRows } from "../report/format.ts";
import { outputSettings, runSession, sessionArgsSchema } from "../run/session.ts";
import { type MergeSummary, mergeArchives } from "./merge.ts";

const argsSchema = z.object({
  archives: z.array(z.string().min(1)).min(1),
  indexTags: z.array(z.string()).nullable().default(null),
  compressionLevel: convertOptionsSchema.shape.compressionLevel,
  ...sessionArgsSchema.shape,
});

/**
 * Runs `proton-beam merge` with its arguments.
 * @throws {ProtonBeamError} when the arguments are wrong; later errors are logged, shown and returned as exit code
 */
export async function runMerge(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  const clients = createS3Clients();
  const link = linkOfArgs(args);
  const settings = outputSettings(args, link);
  const archives = args.archives.map((archive) => parseLocation(archive, accessOfArgs(args, link)));
  return runSession({ args, clients, link, settings, dataset: null }, async (store, context) => {
    const { outputDir, compressionLevel, indexTags, parallel } = args;
    const options = convertOptionsSchema.parse({ compressionLevel });
    const summary = await mergeArchives({ archives, outputDir, store, options, indexTags, parallel }, context);
    return args.json ? `${JSON.stringify(summary, null, 2)}\n` : describe(summary);
  });
}

function describe({ place, archives, archive, duplicates, reused, indexTags, seconds }: MergeSummary): string {
  const rows = [
    ["joined", `${formatCount(archives.length)} archives in ${formatDuration(seconds * 1000)}`],
    ...(duplicates === null ? [] : [["duplicates", formatCount(duplicates)]]),
    ...(reused > 0 ? [["resumed", `${formatCount(reused)} days were ready`]] : []),
    ["tags", indexTags.join(",") || "none (--index-tags)"],
    ["archive", formatArchive(archive)],
    ["in", place],
  ];
  return formatRows(rows);
}
