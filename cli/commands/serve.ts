import type { Argv, CommandModule } from "yargs";
import { parseSize } from "../plan/values.ts";
import { archivePositional } from "./archive.ts";
import { networkOptions } from "./network.ts";

const DOCUMENT = "What the relay says of itself (NIP-11):";
const LIMITS = "Limits:";

export const serveCommand: CommandModule = {
  command: "serve [archive]",
  describe: "Serve an archive as a read-only Nostr relay",
  builder: options,
  handler: async (args) => {
    const { runServe } = await import("../serve/command.ts");
    process.exit(await runServe(args));
  },
};

function options(yargs: Argv): Argv {
  const limit = (describe: string, value: number) =>
    ({ type: "number", requiresArg: true, default: value, group: LIMITS, describe }) as const;
  return networkOptions(archivePositional(yargs), 10)
    .option("host", {
      type: "string",
      requiresArg: true,
      default: "127.0.0.1",
      describe: "Address to listen on; 0.0.0.0 or :: for all of this machine",
    })
    .option("port", {
      alias: "p",
      type: "number",
      requiresArg: true,
      default: 7447,
      describe: "Port to listen on; 0 takes one that is free",
    })
    .option("trust-proxy", {
      type: "boolean",
      default: false,
      describe: "Take clients' addresses from X-Forwarded-For: only behind a proxy that sets it",
    })
    .option("cache-size", {
      type: "string",
      requiresArg: true,
      default: "256MiB",
      coerce: parseSize,
      describe: "Memory for parts of the archive that were read",
    })
    .option("verbose", {
      type: "boolean",
      default: false,
      describe: "A JSON line on standard error for every query: what, for whom, how many events, how long",
    })
    .option("name", {
      type: "string",
      requiresArg: true,
      default: "Proton Beam archive",
      group: DOCUMENT,
      describe: "Its name, at best below 30 characters",
    })
    .option("description", {
      type: "string",
      requiresArg: true,
      defaultDescription: "size and dates of the archive",
      group: DOCUMENT,
      describe: "What it is about",
    })
    .option("contact", {
      type: "string",
      requiresArg: true,
      group: DOCUMENT,
      describe: "Address of who runs it, such as mailto:relay@example.org",
    })
    .option("max-connections", limit("Clients at once", 1000))
    .option("max-connections-per-address", limit("Clients at once from one address, or one /64 of IPv6", 20))
    .option("max-subscriptions", limit("Open subscriptions of a client", 50))
    .option("max-filters", limit("Filters of a REQ or COUNT", 20))
    .option("default-limit", limit("Events for a filter without a limit", 500))
    .option("max-limit", limit("The largest limit of a filter", 5000))
    .option("max-message-size", {
      type: "string",
      requiresArg: true,
      default: "128KiB",
      coerce: parseSize,
      group: LIMITS,
      describe: "The longest message of a client",
    })
    .option("max-messages-per-second", limit("Messages of a client; 5 s' worth may come at once", 20))
    .option("max-scanned", limit("Events that a query may look at in vain", 200_000))
    .option("query-timeout", limit("Seconds that a query may work", 10))
    .option(
      "stall-limit",
      limit("Seconds after which a client that reads less than 64 KiB of what waits is given up", 30),
    )
    .example("proton-beam serve archive", "Serve a directory at ws://127.0.0.1:7447")
    .example(
      "proton-beam serve s3://bucket/archive --host 0.0.0.0 --verbose 2>> relay.log",
      "From S3, to all, with a log",
    )
    .example("proton-beam serve archive --trust-proxy --contact mailto:me@example.org", "Behind a proxy that does TLS")
    .epilogue(
      "Clients ask with REQ and COUNT and the filters of NIP-01; search is text in the content (NIP-50). Tags that the index does not have are looked for in the events themselves; index rebuild --index-tags makes that fast. When the archive is added to, the relay goes on with its new state.",
    );
}
