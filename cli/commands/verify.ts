import type { Argv, CommandModule } from "yargs";
import { archivePositional } from "./archive.ts";
import { parallelOption, progressOption, signaturesOption } from "./common.ts";
import { networkOptions } from "./network.ts";

export const verifyCommand: CommandModule = {
  command: "verify [archive]",
  describe: "Check every byte, event and index row of an archive",
  builder: options,
  handler: async (args) => {
    const { runVerify } = await import("../verify/command.ts");
    process.exit(await runVerify(args));
  },
};

function options(yargs: Argv): Argv {
  return signaturesOption(progressOption(parallelOption(networkOptions(archivePositional(yargs), 60))))
    .option("json", { type: "boolean", default: false, describe: "Print what was found as JSON" })
    .example("$0 verify archive", "check an archive on this disk")
    .example("$0 verify s3://archives/nostr --no-signatures", "one in S3, each byte fetched once")
    .example("$0 verify archive --json | jq '.problems[].file'", "the names of the files that are not as they must be")
    .epilogue(
      "Exit codes: 0 all is well, 1 something is damaged, missing or disagrees (or could not be read), 2 bad usage, 75 when network or S3 failed for too long: try again.",
    );
}
