import type { Argv, CommandModule } from "yargs";
import { archivePositional } from "./archive.ts";
import { networkOptions } from "./network.ts";

export const statusCommand: CommandModule = {
  command: "status [archive]",
  describe: "Show how far a run is",
  builder: options,
  handler: async (args) => {
    const { runStatus } = await import("../status/command.ts");
    process.exitCode = await runStatus(args);
  },
};

function options(yargs: Argv): Argv {
  return networkOptions(archivePositional(yargs), 30)
    .option("dataset", {
      type: "string",
      requiresArg: true,
      describe: "Instead of an archive: a deployed dataset, by its file or its name (stacks/datasets/NAME.json)",
    })
    .option("watch", { alias: "w", type: "boolean", default: false, describe: "Look again and again until it ends" })
    .option("stalled-after", {
      type: "number",
      requiresArg: true,
      default: 5,
      describe: "Minutes without a sign of life after which a run counts as stalled",
    })
    .option("prices", {
      type: "string",
      requiresArg: true,
      describe: "A JSON file whose fields replace those of the built-in prices (cli/dataset/prices.json)",
    })
    .option("json", { type: "boolean", default: false, describe: "Print everything as JSON" })
    .example("$0 status archive", "a run on this machine, or what became of it")
    .example("$0 status s3://archives/nostr --watch", "a run on any machine, until it ends")
    .example("$0 status --dataset example-simple", "the run of a deployed dataset")
    .epilogue(
      "Exit codes: 0 when there is something to show, 1 when not, 2 bad usage, 75 when network or S3 failed for too long: try again.",
    );
}
