import type { Argv, CommandModule } from "yargs";
import { networkOptions } from "./network.ts";

export const estimateCommand: CommandModule = {
  command: "estimate <input..>",
  describe: "Estimate events, output, time and cost of a conversion",
  builder: options,
  handler: async (args) => {
    const { runEstimate } = await import("../estimate/command.ts");
    process.exitCode = await runEstimate(args);
  },
};

function options(yargs: Argv): Argv {
  return networkOptions(yargs, 60)
    .positional("input", {
      array: true,
      type: "string",
      describe:
        "Files, directories, globs, http(s):// addresses, archive.org items, s3://bucket/key or s3://bucket/prefix/",
    })
    .option("validate-signatures", {
      type: "boolean",
      default: false,
      describe: "Reckon with the check of every signature",
    })
    .option("kinds", { type: "string", requiresArg: true, describe: "Keep only these kinds, such as 0,1,30000-39999" })
    .option("since", {
      type: "string",
      requiresArg: true,
      describe: "Keep events from this time on: Unix seconds or 2024-01-31",
    })
    .option("until", { type: "string", requiresArg: true, describe: "Keep events up to and including this time" })
    .option("index-tags", {
      type: "string",
      requiresArg: true,
      describe: "Reckon with an index that looks up tags with these letters, such as e,p,t,d",
    })
    .option("deadline-hours", {
      type: "number",
      requiresArg: true,
      default: 24,
      describe: "When the archive should be there; the instance is recommended by it",
    })
    .option("prices", {
      type: "string",
      requiresArg: true,
      describe: "A JSON file whose fields replace those of the built-in prices (cli/dataset/prices.json)",
    })
    .option("dataset-file", {
      type: "string",
      requiresArg: true,
      describe: "Write the recommended dataset to this new file",
    })
    .option("json", { type: "boolean", default: false, describe: "Print everything as JSON" })
    .example("$0 estimate dump.jsonl", "what a file will give, and what converting it takes")
    .example("$0 estimate s3://dumps/2024/ --validate-signatures --deadline-hours 12", "which instance to take")
    .example(
      "$0 estimate https://example.org/dump.jsonl.zst --dataset-file stacks/datasets/dump.json",
      "and write the dataset",
    )
    .epilogue(
      "Reads 8 parts of 4 MiB spread over plain inputs, and the first 4 MiB of up to 4 compressed ones, and converts them.\n" +
        "Exit codes: 0 done, 1 failed, 2 bad usage, 75 when network or S3 failed for too long: try again.",
    );
}
