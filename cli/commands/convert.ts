import { availableParallelism } from "node:os";
import type { Argv, CommandModule } from "yargs";
import { parseKinds, parseSize, parseTime } from "../plan/values.ts";
import { networkOptions } from "./network.ts";

const OUTPUT = "Output in S3:";

export const convertCommand: CommandModule = {
  command: "convert [input..]",
  describe: "Convert event dumps (JSON Lines) to daily protobuf files with an index",
  builder: options,
  handler: async (args) => {
    const { runConvert } = await import("../run/command.ts");
    process.exit(await runConvert(args));
  },
};

/** yargs wants the values at once; to have the schema loaded whatever the command would delay every start. */
function datasetArgs(path: string): Record<string, unknown> {
  const { convertArgs }: typeof import("../dataset/convert-args.ts") = require("../dataset/convert-args.ts");
  const { readDataset }: typeof import("../dataset/read.ts") = require("../dataset/read.ts");
  return convertArgs(readDataset(path));
}

function options(yargs: Argv): Argv {
  return networkOptions(yargs, 600)
    .positional("input", {
      array: true,
      type: "string",
      describe:
        "Files, directories (their dumps), globs, http(s):// addresses, archive.org items, s3://bucket/key, s3://bucket/prefix/, or - for standard input; plain, gzip, zstd, xz or bzip2",
    })
    .config("dataset", "A dataset file (stacks/datasets/NAME.json): its sources, output and options", datasetArgs)
    .option("output-dir", {
      alias: "o",
      type: "string",
      demandOption: true,
      requiresArg: true,
      describe: "Where the archive is, or will be; with --s3-output where the work is done",
    })
    .option("validate-signatures", {
      type: "boolean",
      default: false,
      describe: "Reject events whose signature does not verify (BIP-340)",
    })
    .option("validate-event-ids", {
      type: "boolean",
      default: true,
      describe: "Reject events whose id is not their SHA-256 (NIP-01)",
    })
    .option("filter-invalid-kinds", {
      type: "boolean",
      default: true,
      describe: "Reject kinds outside 0..65535 (NIP-01)",
    })
    .option("kinds", {
      type: "string",
      requiresArg: true,
      coerce: parseKinds,
      describe: "Keep only these kinds, such as 0,1,30000-39999",
    })
    .option("since", {
      type: "string",
      requiresArg: true,
      coerce: parseTime,
      describe: "Keep events from this time on: Unix seconds or 2024-01-31",
    })
    .option("until", {
      type: "string",
      requiresArg: true,
      coerce: parseTime,
      describe: "Keep events up to and including this time",
    })
    .option("parallel", {
      alias: "j",
      type: "number",
      requiresArg: true,
      default: availableParallelism(),
      defaultDescription: "all cores",
      describe: "Worker threads",
    })
    .option("compression-level", {
      type: "number",
      requiresArg: true,
      default: 6,
      describe: "gzip level, 0 to 12 (libdeflate)",
    })
    .option("chunk-bytes", {
      type: "string",
      requiresArg: true,
      coerce: parseSize,
      defaultDescription: "64MiB",
      describe: "Input that is converted, and repeated after an interruption, as one piece",
    })
    .option("max-line-bytes", {
      type: "string",
      requiresArg: true,
      coerce: parseSize,
      defaultDescription: "32MiB",
      describe: "Reject longer lines",
    })
    .option("s3-output", {
      type: "string",
      requiresArg: true,
      group: OUTPUT,
      describe: "s3://bucket/prefix: where the archive is, or will be, in S3",
    })
    .option("sync-interval", {
      type: "number",
      requiresArg: true,
      default: 60,
      group: OUTPUT,
      describe: "Seconds between uploads of log and status.json; segments and days go at once",
    })
    .option("lease", {
      type: "number",
      requiresArg: true,
      default: 60,
      group: OUTPUT,
      describe: "Seconds without a sign of life after which another machine may take over",
    })
    .option("sse", { choices: ["AES256", "aws:kms"], group: OUTPUT, describe: "Server-side encryption" })
    .option("kms-key-id", { type: "string", requiresArg: true, group: OUTPUT, describe: "KMS key; implies aws:kms" })
    .option("storage-class", {
      type: "string",
      requiresArg: true,
      group: OUTPUT,
      describe: "Storage class of finished files, such as STANDARD_IA",
    })
    .option("stage", {
      type: "string",
      requiresArg: true,
      group: "Network:",
      describe: "Download remote inputs into this directory first (resumable, checksummed)",
    })
    .option("progress", { type: "boolean", default: true, describe: "Show progress on standard error (--no-progress)" })
    .option("metrics-file", {
      type: "string",
      requiresArg: true,
      describe: "Append metrics to this file every minute, in CloudWatch's embedded metric format",
    })
    .option("verbose", { type: "boolean", default: false, describe: "Log every chunk and day in proton-beam.log" })
    .option("json", { type: "boolean", default: false, describe: "Print the summary as JSON" })
    .example("$0 convert dump.jsonl -o archive", "convert one file")
    .example("$0 convert 'dumps/*.jsonl' -o archive --validate-signatures", "many files, every signature checked")
    .example("$0 convert https://example.org/dump.jsonl.zst -o archive", "from a web server, decompressed on the way")
    .example("$0 convert s3://dumps/2024/ -o work --s3-output s3://archives/nostr", "from S3 to S3")
    .example("$0 convert --dataset stacks/datasets/example.json -o work", "what a dataset file says")
    .check(({ input }) => {
      if (!Array.isArray(input) || input.length === 0) throw new Error("Name an input, or a --dataset.");
      return true;
    })
    .epilogue(
      "Stopped in the middle (Ctrl-C, kill -9, a full disk), the same command goes on where it was.\n" +
        "With an archive in --output-dir, new inputs are added to it and deduplicated against it.\n" +
        "Exit codes: 0 done, 1 failed, 2 bad usage, 75 interrupted and resumable.",
    );
}
