import type { CommandModule } from "yargs";

export const mergeCommand: CommandModule = {
  command: "merge <archives..>",
  describe: "Join archives into a new one",
  handler: () => {
    throw new Error("being written");
  },
};
