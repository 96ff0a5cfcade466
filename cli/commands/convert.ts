import { availableParallelism } from "node:os";
import type { ArgumentsCamelCase, Argv, CommandModule } from "yargs";
import { parseKinds, parseSize, parseTime } from "./values.ts";

interface ConvertArgs {
  input: string[];
  outputDir: string;
  validateSignatures: boolean;
  validateEventIds: boolean;
  filterInvalidKinds: boolean;
  kinds?: [number, number][];
  since?: number;
  until?: number;
  parallel: number;
  compressionLevel: number;
  chunkBytes?: number;
  maxLineBytes?: number;
  progress: boolean;
  verbose: boolean;
  json: boolean;
}

export const convertCommand: CommandModule<object, ConvertArgs> = {
  command: "convert <input..>",
  describe: "Convert event dumps (JSON Lines) to daily protobuf files with an index",
  builder: (yargs) => options(yargs) as Argv<ConvertArgs>,
  handler: async (args: ArgumentsCamelCase<ConvertArgs>) => {
    const { runConvert } = await import("../run/command.ts");
    process.exit(await runConvert(args));
  },
};

function options(yargs: Argv): Argv {
  return yargs
    .positional("input", {
      array: true,
      type: "string",
      describe: "Files, directories (their .jsonl and .ndjson files), globs, or - for standard input",
    })
    .option("output-dir", {
      alias: "o",
      type: "string",
      demandOption: true,
      requiresArg: true,
      describe: "Where the archive is, or will be",
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
    .option("progress", { type: "boolean", default: true, describe: "Show progress on standard error (--no-progress)" })
    .option("verbose", { type: "boolean", default: false, describe: "Log every chunk and day in proton-beam.log" })
    .option("json", { type: "boolean", default: false, describe: "Print the summary as JSON" })
    .example("$0 convert dump.jsonl -o archive", "convert one file")
    .example("$0 convert 'dumps/*.jsonl' -o archive --validate-signatures", "many files, every signature checked")
    .example("zstd -dc dump.zst | $0 convert - -o archive", "from a pipe")
    .epilogue(
      "Stopped in the middle (Ctrl-C, kill -9, a full disk), the same command goes on where it was.\n" +
        "With an archive in --output-dir, new inputs are added to it and deduplicated against it.\n" +
        "Exit codes: 0 done, 1 failed, 2 bad usage, 75 interrupted and resumable.",
    );
}
