#!/usr/bin/env bun
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import pkg from "../package.json" with { type: "json" };
import { completeWords } from "./commands/completion.ts";
import { convertCommand } from "./commands/convert.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { estimateCommand } from "./commands/estimate.ts";
import { exportCommand } from "./commands/export.ts";
import { getCommand } from "./commands/get.ts";
import { indexCommand } from "./commands/index-group.ts";
import { mergeCommand } from "./commands/merge.ts";
import { queryCommand } from "./commands/query.ts";
import { repairCommand } from "./commands/repair.ts";
import { reportCommand } from "./commands/report.ts";
import { serveCommand } from "./commands/serve.ts";
import { statusCommand } from "./commands/status.ts";
import { verifyCommand } from "./commands/verify.ts";
import { EXIT, errorMessage, ProtonBeamError } from "./errors.ts";
import { STDIN_DEVICE } from "./source/stdin.ts";

// yargs drops a lone "-" among the positional arguments.
const args = hideBin(process.argv).map((arg) => (arg === "-" ? STDIN_DEVICE : arg));

const cli = yargs(args)
  .scriptName("proton-beam")
  .usage("$0 <command>\n\nTurns Nostr event dumps into daily protobuf files with an index.")
  .command([
    convertCommand,
    estimateCommand,
    statusCommand,
    reportCommand,
    getCommand,
    queryCommand,
    exportCommand,
    serveCommand,
    verifyCommand,
    repairCommand,
    mergeCommand,
    indexCommand,
    doctorCommand,
  ])
  .completion("completion", "Print a script that completes commands, options and files in bash or zsh", completeWords)
  .demandCommand(1, "Name a command.")
  .strict()
  .version(pkg.version)
  .wrap(Math.min(120, process.stdout.columns ?? 100))
  // Only what is wrong with the arguments has a message here; errors of a command come as they were thrown.
  .fail((message: string | null, error) => {
    throw message === null ? error : new ProtonBeamError(message, EXIT.usage, { cause: error });
  });

try {
  await cli.parseAsync();
} catch (error) {
  const exitCode = error instanceof ProtonBeamError ? error.exitCode : EXIT.failed;
  const help = exitCode === EXIT.usage ? "See proton-beam --help.\n" : "";
  process.stderr.write(`proton-beam: ${errorMessage(error)}\n${help}`);
  process.exit(exitCode);
}
