import type { Argv, CommandModule } from "yargs";
import { parseKinds, parseSize, parseTagNames, parseTime } from "../plan/values.ts";
import { archiveOutputOptions } from "./archive-output.ts";
import { networkOptions } from "./network.ts";

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
  return archiveOutputOptions(networkOptions(yargs, 600))
    .positional("input", {
      array: true,
      type: "string",
      describe:
        "Files, directories (their dumps), globs, http(s):// addresses, archive.org items, s3://bucket/key, s3://bucket/prefix/, or - for standard input; plain, gzip, zstd, xz or bzip2",
    })
    .config("dataset", "A dataset file (stacks/datasets/NAME.json): its sources, output and options", datasetArgs)
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
    .option("index-tags", {
      type: "string",
      requiresArg: true,
      coerce: parseTagNames,
      describe: "Let the index look up tags with these letters, such as e,p,t,d; an archive keeps what it has",
    })
    .option("chunk-bytes", {
      type: "string",
      requiresArg: true,
      coerce: parseSize,
      defaultDescription: "64MiB",
      describe: "The most of the input that is converted, and repeated after an interruption, as one piece",
    })
    .option("max-line-bytes", {
      type: "string",
      requiresArg: true,
      coerce: parseSize,
      defaultDescription: "32MiB",
      describe: "Reject longer lines",
    })
    .option("stage", {
      type: "string",
      requiresArg: true,
      group: "Network:",
      describe: "Download remote inputs into this directory first (resumable, checksummed)",
    })
    .example("$0 convert dump.jsonl -o archive", "convert one file")
    .example("$0 convert 'dumps/*.jsonl' -o archive --validate-signatures", "many files, every signature checked")
    .example("$0 convert https://example.org/dump.jsonl.zst -o archive", "from a web server, decompressed on the way")
    .example("$0 convert s3://dumps/2024/ -o work --s3-output s3://archives/nostr", "from S3 to S3")
    .example("$0 convert --dataset stacks/datasets/example-simple.json -o work", "what a dataset file says")
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
