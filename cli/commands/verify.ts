import type { CommandModule } from "yargs";

export const verifyCommand: CommandModule = {
  command: "verify [archive]",
  describe: "Check every byte, event and index row of an archive",
  handler: () => {
    throw new Error("being written");
  },
};
