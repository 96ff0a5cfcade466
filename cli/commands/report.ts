import type { Argv, CommandModule } from "yargs";
import { archivePositional } from "./archive.ts";
import { networkOptions } from "./network.ts";

export const reportCommand: CommandModule = {
  command: "report [archive]",
  describe: "Write a report on an archive as one HTML page",
  builder: options,
  handler: async (args) => {
    const { runReport } = await import("../report/command.ts");
    process.exitCode = await runReport(args);
  },
};

function options(yargs: Argv): Argv {
  return networkOptions(archivePositional(yargs), 60)
    .option("output", {
      alias: "o",
      type: "string",
      requiresArg: true,
      defaultDescription: "report.html in the archive, or here for one in S3",
      describe: "The file to write",
    })
    .option("prices", {
      type: "string",
      requiresArg: true,
      describe: "A JSON file whose fields replace those of the built-in prices (cli/dataset/prices.json)",
    })
    .example("$0 report archive", "writes archive/report.html")
    .example("$0 report s3://archives/nostr -o nostr.html", "of an archive in S3: only its index is downloaded")
    .epilogue(
      "Every convert that adds something makes this report at its end: report.html beside the log.\n" +
        "Exit codes: 0 done, 1 failed, 2 bad usage, 75 when network or S3 failed for too long: try again.",
    );
}
