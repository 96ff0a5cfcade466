import type { Argv, CommandModule } from "yargs";
import { parseTagNames } from "../plan/values.ts";
import { archivePositional } from "./archive.ts";
import { parallelOption, progressOption } from "./common.ts";
import { networkOptions } from "./network.ts";

export const indexRebuildCommand: CommandModule = {
  command: "rebuild [archive]",
  describe: "Make index.db anew from the daily files",
  builder: options,
  handler: async (args) => {
    const { runRebuild } = await import("../rebuild/command.ts");
    process.exit(await runRebuild(args));
  },
};

function options(yargs: Argv): Argv {
  return progressOption(parallelOption(networkOptions(archivePositional(yargs), 600)))
    .option("index-tags", {
      type: "string",
      requiresArg: true,
      coerce: parseTagNames,
      defaultDescription: "those that the manifest names",
      describe: "Let the index look up tags with these letters, such as e,p,t,d",
    })
    .option("work-dir", {
      type: "string",
      requiresArg: true,
      defaultDescription: "below $XDG_CACHE_HOME",
      describe: "Where the work is done for an archive in S3 (in a folder .proton-beam that is removed at the end)",
    })
    .option("json", { type: "boolean", default: false, describe: "Print the summary as JSON" })
    .example("$0 index rebuild archive", "after index.db was lost")
    .example("$0 index rebuild archive --index-tags e,p,t,d", "so that queries for tags are fast")
    .example("$0 index rebuild s3://archives/nostr", "in S3: reads all daily files, writes index and manifest")
    .example("$0 index rebuild old-archive", "daily files of another tool: YYYY_MM_DD.pb.gz with or without index")
    .epilogue(
      "The daily files are not changed. They may be of any tool that writes the same format, unsorted and with duplicates.\n" +
        "Stopped in the middle, the same command goes on where it was.\n" +
        "Exit codes: 0 done, 1 failed, 2 bad usage, 75 interrupted and resumable.",
    );
}
