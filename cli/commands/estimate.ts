import type { CommandModule } from "yargs";

export const estimateCommand: CommandModule = {
  command: "estimate <input..>",
  describe: "Estimate events, output, time and cost of a conversion",
  handler: () => {
    throw new Error("being written");
  },
};
