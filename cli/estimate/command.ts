import { writeFileSync } from "node:fs";
import { z } from "zod";
import { parseArgs } from "../args.ts";
import { readPrices } from "../dataset/prices.ts";
import type { DatasetConfig } from "../dataset/schema.ts";
import { EXIT, type ExitCode, errorMessage, ProtonBeamError } from "../errors.ts";
import { createS3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { convertOptionsSchema } from "../plan/options.ts";
import { parseKinds, parseTagNames, parseTime } from "../plan/values.ts";
import { findSources } from "../source/find.ts";
import { describeEstimate } from "./describe.ts";
import { type EstimateReport, estimate, recommendedDataset } from "./estimate.ts";

const argsSchema = networkArgsSchema.extend({
  input: z.array(z.string()).min(1),
  validateSignatures: z.boolean(),
  kinds: z.string().optional(),
  since: z.string().optional(),
  until: z.string().optional(),
  indexTags: z.string().optional(),
  deadlineHours: z.number().positive(),
  prices: z.string().optional(),
  datasetFile: z.string().min(1).optional(),
  json: z.boolean(),
});
type EstimateArgs = z.infer<typeof argsSchema>;

/**
 * Runs `proton-beam estimate` with its arguments.
 * @throws {ProtonBeamError} when the arguments are wrong or the inputs cannot be read
 */
export async function runEstimate(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  const prices = readPrices(args.prices ?? null);
  const clients = createS3Clients();
  const sources = await findSources(args.input, accessOfArgs(args), clients);
  if (sources.some(({ location }) => location.kind === "stdin"))
    throw new ProtonBeamError("standard input cannot be sampled: save it to a file, and name that", EXIT.usage);
  const indexTags = readOption("--index-tags", args.indexTags, parseTagNames) ?? [];
  const report = await estimate(sources, optionsOf(args), indexTags, args.deadlineHours, prices, clients);
  const { dataset, why } = composed(report, args);
  if (args.datasetFile !== undefined) writeDataset(args.datasetFile, JSON.stringify(dataset, null, 2));
  if (args.json) process.stdout.write(`${JSON.stringify({ ...report, dataset }, null, 2)}\n`);
  else process.stdout.write(describeEstimate(report) + describeDataset(args, dataset, why));
  return EXIT.done;
}

/** The recommended dataset, or why there is none, which is an error only when one was asked for. */
function composed(report: EstimateReport, args: EstimateArgs): { dataset: DatasetConfig | null; why: string } {
  const request = {
    urls: args.input,
    anonymous: !args.signRequest,
    requestPayer: args.requestPayer,
    region: args.region ?? null,
    convert: convertOf(args),
  };
  try {
    return { dataset: recommendedDataset(report, request), why: "" };
  } catch (error) {
    if (args.datasetFile !== undefined) throw error;
    return { dataset: null, why: errorMessage(error) };
  }
}

function optionsOf({ validateSignatures, kinds, since, until }: EstimateArgs) {
  return convertOptionsSchema.parse({
    validateSignatures,
    kinds: readOption("--kinds", kinds, parseKinds),
    since: readOption("--since", since, parseTime),
    until: readOption("--until", until, parseTime),
  });
}

function readOption<T>(name: string, text: string | undefined, read: (text: string) => T): T | null {
  if (text === undefined) return null;
  try {
    return read(text);
  } catch (error) {
    throw new ProtonBeamError(`${name}: ${errorMessage(error)}`, EXIT.usage);
  }
}

/** The options that a dataset has otherwise by default. */
function convertOf({ validateSignatures, kinds, since, until, indexTags }: EstimateArgs) {
  return {
    ...(validateSignatures ? {} : { validateSignatures }),
    ...(kinds === undefined ? {} : { kinds }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(indexTags === undefined ? {} : { indexTags }),
  };
}

function writeDataset(path: string, json: string): void {
  try {
    writeFileSync(path, `${json}\n`, { flag: "wx" });
  } catch (error) {
    throw new ProtonBeamError(`the dataset cannot be written to ${path}: ${errorMessage(error)}`, EXIT.failed);
  }
}

function describeDataset({ datasetFile }: EstimateArgs, dataset: DatasetConfig | null, why: string): string {
  if (datasetFile !== undefined) return `\nThe dataset is in ${datasetFile}.\n`;
  if (dataset === null) return `\nNo dataset: ${why}.\n`;
  return `\nAs a dataset (stacks/datasets/NAME.json, or --dataset-file):\n${JSON.stringify(dataset, null, 2)}\n`;
}
