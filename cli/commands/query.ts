import type { CommandModule } from "yargs";

export const queryCommand: CommandModule = {
  command: "query [filter..]",
  describe: "Print or count the events that match NIP-01 filters",
  handler: () => {
    throw new Error("being written");
  },
};
