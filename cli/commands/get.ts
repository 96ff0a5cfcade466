import type { CommandModule } from "yargs";

export const getCommand: CommandModule = {
  command: "get <id..>",
  describe: "Print events by their ids",
  handler: () => {
    throw new Error("being written");
  },
};
