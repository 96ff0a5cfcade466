import type { CommandModule } from "yargs";

export const indexRebuildCommand: CommandModule = {
  command: "rebuild [archive]",
  describe: "Make index.db anew from the daily files",
  handler: () => {
    throw new Error("being written");
  },
};
