import type { Argv, CommandModule } from "yargs";
import { archiveOption } from "./archive.ts";
import { networkOptions } from "./network.ts";

export const getCommand: CommandModule = {
  command: "get <id..>",
  describe: "Print events by their ids",
  builder: options,
  handler: async (args) => {
    const { runGet } = await import("../query/get.ts");
    process.exit(await runGet(args));
  },
};

function options(yargs: Argv): Argv {
  const own = archiveOption(yargs).positional("id", {
    array: true,
    type: "string",
    describe: "Ids of events: 64 hex digits, note1…, nevent1…, or - for ids on standard input",
  });
  return networkOptions(own, 30)
    .example("$0 get 5c83da77…e2f1 -a archive", "one event, as JSON")
    .example("$0 get note1… nevent1… -a s3://archives/nostr", "from S3: one small ranged read for each")
    .example("$0 get - -a archive < ids.txt", "as many as you like")
    .epilogue(
      "Prints JSON Lines in the order asked for.\nExit codes: 0 all were found, 1 some are not there or failed, 2 bad usage, 75 when network or S3 failed for too long: try again.",
    );
}
