import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { parseLocation } from "../archive/location.ts";
import { manifestOf, openArchive } from "../archive/open.ts";
import { parseArgs } from "../args.ts";
import { readPrices } from "../dataset/prices.ts";
import { EXIT, type ExitCode, errorMessage, ProtonBeamError } from "../errors.ts";
import { createS3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { LOG_FILE, REPORT_FILE } from "../store/layout.ts";
import { readHistory } from "./history.ts";
import { renderReport } from "./page.ts";
import { readStatistics } from "./statistics.ts";

const argsSchema = networkArgsSchema.extend({
  archive: z.string(),
  output: z.string().min(1).optional(),
  prices: z.string().min(1).optional(),
});

/**
 * Runs `proton-beam report` and prints where the report is.
 * @throws {ProtonBeamError} when there is no archive, or the report cannot be written
 */
export async function runReport(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  const prices = readPrices(args.prices ?? null);
  const location = parseLocation(args.archive, accessOfArgs(args));
  const { files, indexPath } = await openArchive(location, createS3Clients());
  const report = renderReport({
    place: location.kind === "local" ? resolve(location.folder) : files.place(""),
    made: new Date(),
    statistics: readStatistics(indexPath),
    manifest: await manifestOf(files),
    history: readHistory((await files.readText(LOG_FILE)) ?? ""),
    prices,
  });
  const path = args.output ?? (location.kind === "local" ? join(location.folder, REPORT_FILE) : REPORT_FILE);
  try {
    writeFileSync(path, report);
  } catch (error) {
    throw new ProtonBeamError(`the report cannot be written to ${path}: ${errorMessage(error)}`);
  }
  process.stdout.write(`${path}\n`);
  return EXIT.done;
}
