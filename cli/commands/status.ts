import type { CommandModule } from "yargs";

export const statusCommand: CommandModule = {
  command: "status [archive]",
  describe: "Show how far a run is",
  handler: () => {
    throw new Error("being written");
  },
};
