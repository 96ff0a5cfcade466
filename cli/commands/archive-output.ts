import type { Argv } from "yargs";
import { parallelOption, progressOption } from "./common.ts";

const OUTPUT = "Output in S3:";

/** The options of commands that write an archive; parsed by `sessionArgsSchema`. */
export function archiveOutputOptions(yargs: Argv): Argv {
  return progressOption(parallelOption(yargs))
    .option("output-dir", {
      alias: "o",
      type: "string",
      demandOption: true,
      requiresArg: true,
      describe: "Where the archive is, or will be; with --s3-output where the work is done",
    })
    .option("compression-level", {
      type: "number",
      requiresArg: true,
      default: 6,
      describe: "gzip level, 0 to 12 (libdeflate)",
    })
    .option("s3-output", {
      type: "string",
      requiresArg: true,
      group: OUTPUT,
      describe: "s3://bucket/prefix: where the archive is, or will be, in S3",
    })
    .option("sync-interval", {
      type: "number",
      requiresArg: true,
      default: 60,
      group: OUTPUT,
      describe: "Seconds between uploads of log and status.json; segments and days go at once",
    })
    .option("lease", {
      type: "number",
      requiresArg: true,
      default: 60,
      group: OUTPUT,
      describe: "Seconds without a sign of life after which another machine may take over",
    })
    .option("sse", { choices: ["AES256", "aws:kms"], group: OUTPUT, describe: "Server-side encryption" })
    .option("kms-key-id", { type: "string", requiresArg: true, group: OUTPUT, describe: "KMS key; implies aws:kms" })
    .option("storage-class", {
      type: "string",
      requiresArg: true,
      group: OUTPUT,
      describe: "Storage class of finished files, such as STANDARD_IA",
    })
    .option("metrics-file", {
      type: "string",
      requiresArg: true,
      describe: "Append metrics to this file every minute, in CloudWatch's embedded metric format",
    })
    .option("verbose", { type: "boolean", default: false, describe: "Log every chunk and day in proton-beam.log" })
    .option("json", { type: "boolean", default: false, describe: "Print the summary as JSON" });
}
