import type { CommandModule } from "yargs";

export const serveCommand: CommandModule = {
  command: "serve [archive]",
  describe: "Serve an archive as a read-only Nostr relay",
  handler: () => {
    throw new Error("being written");
  },
};
