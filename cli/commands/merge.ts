import type { Argv, CommandModule } from "yargs";
import { parseTagNames } from "../plan/values.ts";
import { archiveOutputOptions } from "./archive-output.ts";
import { networkOptions } from "./network.ts";

export const mergeCommand: CommandModule = {
  command: "merge <archives..>",
  describe: "Join archives into a new one",
  builder: options,
  handler: async (args) => {
    const { runMerge } = await import("../merge/command.ts");
    process.exit(await runMerge(args));
  },
};

function options(yargs: Argv): Argv {
  return archiveOutputOptions(networkOptions(yargs, 600))
    .positional("archives", {
      array: true,
      type: "string",
      describe: "Archives, or directories with daily files of other tools: local or s3://bucket/prefix",
    })
    .option("index-tags", {
      type: "string",
      requiresArg: true,
      coerce: parseTagNames,
      defaultDescription: "all that one of the archives has",
      describe: "Let the index look up tags with these letters, such as e,p,t,d",
    })
    .example("$0 merge 2023 2024 -o all", "two archives, each event once")
    .example("$0 merge s3://archives/a s3://archives/b -o work --s3-output s3://archives/ab", "in S3")
    .example("$0 merge old-archive -o archive", "daily files of another tool: sorted, each event once, with an index")
    .epilogue(
      "The archives are only read. Their daily files are merged to what a conversion of all their dumps would have made.\n" +
        "Stopped in the middle, the same command goes on where it was.\n" +
        "Exit codes: 0 done, 1 failed, 2 bad usage, 75 interrupted and resumable.",
    );
}
