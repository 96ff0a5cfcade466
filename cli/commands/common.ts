import { availableParallelism } from "node:os";
import type { Argv } from "yargs";

/** `--parallel`. */
export function parallelOption(yargs: Argv, describe = "Worker threads"): Argv {
  return yargs.option("parallel", {
    alias: "j",
    type: "number",
    requiresArg: true,
    default: availableParallelism(),
    defaultDescription: "all cores",
    describe,
  });
}

/** `--no-progress`. */
export function progressOption(yargs: Argv): Argv {
  return yargs.option("progress", {
    type: "boolean",
    default: true,
    describe: "Show progress on standard error (--no-progress)",
  });
}

/** `--no-signatures`. */
export function signaturesOption(yargs: Argv): Argv {
  return yargs.option("signatures", {
    type: "boolean",
    default: true,
    describe: "--no-signatures leaves the signatures out, which takes most of the time",
  });
}
