import type { CommandModule } from "yargs";
import { indexRebuildCommand } from "./index-rebuild.ts";

export const indexCommand: CommandModule = {
  command: "index",
  describe: "Work on the index of an archive",
  builder: (yargs) => yargs.command(indexRebuildCommand).demandCommand(1, "Name a command of index: rebuild."),
  handler: () => {},
};
