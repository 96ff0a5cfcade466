import type { CommandModule } from "yargs";

export const exportCommand: CommandModule = {
  command: "export [archive]",
  describe: "Write events back to JSON Lines or Parquet",
  handler: () => {
    throw new Error("being written");
  },
};
