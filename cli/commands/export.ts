import type { Argv, CommandModule } from "yargs";
import { parseDays } from "../export/time-range.ts";
import { parseTime } from "../plan/values.ts";
import { archivePositional } from "./archive.ts";
import { parallelOption, progressOption } from "./common.ts";
import { networkOptions } from "./network.ts";

export const exportCommand: CommandModule = {
  command: "export [archive]",
  describe: "Write events back to JSON Lines or Parquet",
  builder: options,
  handler: async (args) => {
    const { runExport } = await import("../export/command.ts");
    process.exit(await runExport(args));
  },
};

function options(yargs: Argv): Argv {
  return progressOption(parallelOption(networkOptions(archivePositional(yargs), 600)))
    .option("output", {
      alias: "o",
      type: "string",
      requiresArg: true,
      defaultDescription: "standard output",
      describe: "The file to write, with --split the directory; - is standard output",
    })
    .option("format", {
      choices: ["jsonl", "parquet"],
      defaultDescription: "by the name of the output, else jsonl",
      describe: "JSON Lines as NIP-01 has events, or Parquet with a column for each of its fields",
    })
    .option("compress", {
      choices: ["none", "gzip", "zstd"],
      defaultDescription: "by the name of the output; Parquet: zstd; --split: gzip; else none",
      describe: "How the file is compressed, or the columns in it",
    })
    .option("days", {
      type: "string",
      requiresArg: true,
      coerce: parseDays,
      conflicts: ["since", "until"],
      describe: "Only these days (UTC): 2024-01-31, or 2024-01-01..2024-01-31 with both",
    })
    .option("since", {
      type: "string",
      requiresArg: true,
      coerce: parseTime,
      describe: "Only events from this time on: Unix seconds or 2024-01-31",
    })
    .option("until", {
      type: "string",
      requiresArg: true,
      coerce: parseTime,
      describe: "Only events up to and including this time",
    })
    .option("split", {
      choices: ["day"],
      describe: "A file of each day, such as 2024_01_31.jsonl.gz; days that are there already are skipped",
    })
    .option("force", { type: "boolean", default: false, describe: "Overwrite files that are there" })
    .example("$0 export archive -o events.jsonl.zst", "all events, compressed")
    .example("$0 export archive --days 2024-01-01..2024-01-31 | jq .content", "a month, to another program")
    .example("$0 export s3://archives/nostr --split day -o days", "a file of each day; the same command goes on")
    .example("$0 export archive -o events.parquet", "for DuckDB, pandas, Spark")
    .epilogue(
      "A file gets its name when it is whole. Converting an export gives the same daily files again.\n" +
        "Exit codes: 0 done, 1 failed, 2 bad usage, 75 interrupted: the same command goes on, with --split after the days that are done.",
    );
}
