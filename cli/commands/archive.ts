import type { Argv } from "yargs";

const DESCRIBE =
  "Directory or s3://bucket/prefix of the archive; default: $PROTON_BEAM_ARCHIVE, or the current directory";

function defaultArchive(): string {
  return process.env.PROTON_BEAM_ARCHIVE || ".";
}

/** `[archive]` of commands that are about an archive as a whole. */
export function archivePositional(yargs: Argv): Argv {
  return yargs.positional("archive", {
    type: "string",
    default: defaultArchive(),
    defaultDescription: ".",
    describe: DESCRIBE,
  });
}

/** `--archive` of commands whose arguments are something else. */
export function archiveOption(yargs: Argv): Argv {
  return yargs.option("archive", {
    alias: "a",
    type: "string",
    requiresArg: true,
    default: defaultArchive(),
    defaultDescription: ".",
    describe: DESCRIBE,
  });
}
