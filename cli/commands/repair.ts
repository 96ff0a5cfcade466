import type { CommandModule } from "yargs";

export const repairCommand: CommandModule = {
  command: "repair [archive]",
  describe: "Rebuild what is damaged in an archive",
  handler: () => {
    throw new Error("being written");
  },
};
