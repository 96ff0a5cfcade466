import type { CommandModule } from "yargs";

export const reportCommand: CommandModule = {
  command: "report [archive]",
  describe: "Write the HTML report of a finished run",
  handler: () => {
    throw new Error("being written");
  },
};
