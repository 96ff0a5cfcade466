import type { CommandModule } from "yargs";

export const doctorCommand: CommandModule = {
  command: "doctor [archive]",
  describe: "Check this host and what it needs to reach",
  handler: () => {
    throw new Error("being written");
  },
};
