import type { Argv, CommandModule } from "yargs";
import { archivePositional } from "./archive.ts";
import { parallelOption, progressOption, signaturesOption } from "./common.ts";
import { networkOptions } from "./network.ts";

export const repairCommand: CommandModule = {
  command: "repair [archive]",
  describe: "Rebuild what is damaged in an archive",
  builder: options,
  handler: async (args) => {
    const { runRepair } = await import("../repair/command.ts");
    process.exit(await runRepair(args));
  },
};

function options(yargs: Argv): Argv {
  return signaturesOption(progressOption(parallelOption(networkOptions(archivePositional(yargs), 60))))
    .option("from", {
      type: "string",
      requiresArg: true,
      describe:
        "Another copy of the archive (directory or s3://bucket/prefix): files that are whole there are taken from it",
    })
    .option("dry-run", {
      alias: "n",
      type: "boolean",
      default: false,
      describe: "Only say what would be done",
    })
    .example("$0 repair archive --dry-run", "what would be done")
    .example("$0 repair archive --from s3://backups/nostr", "take damaged files from a copy")
    .epilogue(
      "Files that are replaced are kept in .proton-beam-damaged of the archive, beside lost-ids.txt, the ids of events that are lost.\n" +
        "Converting the same inputs once more adds what is missing. Stopped in the middle (Ctrl-C, kill -9), the same command goes on.\n" +
        "Exit codes: 0 the archive is whole, 1 something is lost or failed, 2 bad usage.",
    );
}
