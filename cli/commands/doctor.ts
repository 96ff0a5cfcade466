import type { Argv, CommandModule } from "yargs";
import { archivePositional } from "./archive.ts";
import { networkOptions } from "./network.ts";

export const doctorCommand: CommandModule = {
  command: "doctor [archive]",
  describe: "Check this host and what it needs to reach",
  builder: options,
  handler: async (args) => {
    const { runDoctor } = await import("../doctor/command.ts");
    process.exit(await runDoctor(args));
  },
};

function options(yargs: Argv): Argv {
  return networkOptions(archivePositional(yargs), 10)
    .option("input", {
      type: "string",
      requiresArg: true,
      describe:
        "An input of convert that must be within reach: an address, a file, s3://bucket/key or s3://bucket/prefix/",
    })
    .option("write", {
      type: "boolean",
      default: false,
      describe: "Put, read and delete a small object below the archive's .proton-beam/ in S3",
    })
    .option("json", { type: "boolean", default: false, describe: "Print the findings as JSON" })
    .example("$0 doctor", "this host, and the archive in the current directory")
    .example("$0 doctor archive --input https://example.org/dump.jsonl.zst", "what a conversion will use")
    .example(
      "$0 doctor s3://archives/nostr --write",
      "an archive in S3: credentials, clock, rights, conditional writes",
    )
    .epilogue("Exit codes: 0 it can work, 1 there is a problem to be solved first, 2 bad usage.");
}
