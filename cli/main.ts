#!/usr/bin/env bun
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import pkg from "../package.json" with { type: "json" };
import { convertCommand } from "./commands/convert.ts";
import { EXIT, errorMessage, ProtonBeamError } from "./errors.ts";
import { STDIN_DEVICE } from "./source/stdin.ts";

// yargs drops a lone "-" among the positional arguments.
const args = hideBin(process.argv).map((arg) => (arg === "-" ? STDIN_DEVICE : arg));

const cli = yargs(args)
  .scriptName("proton-beam")
  .usage("$0 <command>\n\nTurns Nostr event dumps into daily protobuf files with an index.")
  .command(convertCommand)
  .demandCommand(1, "Name a command.")
  .strict()
  .version(pkg.version)
  .wrap(Math.min(120, process.stdout.columns ?? 100))
  .fail(false);

try {
  await cli.parseAsync();
} catch (error) {
  const exitCode = error instanceof ProtonBeamError ? error.exitCode : EXIT.usage;
  const help = exitCode === EXIT.usage ? "See proton-beam --help.\n" : "";
  process.stderr.write(`proton-beam: ${errorMessage(error)}\n${help}`);
  process.exit(exitCode);
}
