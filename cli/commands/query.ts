import type { Argv, CommandModule } from "yargs";
import { parseKinds, parseTime } from "../plan/values.ts";
import { archiveOption } from "./archive.ts";
import { parallelOption } from "./common.ts";
import { networkOptions } from "./network.ts";

const FILTER = "Filter:";

export const queryCommand: CommandModule = {
  command: "query [filter..]",
  describe: "Print or count the events that match NIP-01 filters",
  builder: options,
  handler: async (args) => {
    const { runQuery } = await import("../query/query.ts");
    process.exit(await runQuery(args));
  },
};

/** An option that may be given several times, with one value each. */
const LIST = { array: true, nargs: 1, type: "string", group: FILTER } as const;
const VALUE = { type: "string", requiresArg: true, group: FILTER } as const;

function options(yargs: Argv): Argv {
  const own = archiveOption(yargs)
    .positional("filter", {
      array: true,
      type: "string",
      describe: "Filters in JSON, as in NIP-01; events that match any of them are given",
    })
    .option("ids", { ...LIST, describe: "Ids, with commas between: 64 hex digits, note1… or nevent1…" })
    .option("authors", { ...LIST, describe: "Public keys, with commas between: 64 hex digits, npub1… or nprofile1…" })
    .option("kinds", {
      ...LIST,
      coerce: (lists: string[]) => lists.flatMap(parseKinds),
      describe: "Kinds, such as 0,1,30000-39999",
    })
    .option("since", { ...VALUE, coerce: parseTime, describe: "From this time on: Unix seconds or 2024-01-31" })
    .option("until", { ...VALUE, coerce: parseTime, describe: "Up to and including this time" })
    .option("tag", {
      ...LIST,
      describe: "A tag, such as t=nostr; of the same letter any, of different letters all must be there",
    })
    .option("search", { ...VALUE, describe: "Text that the content must contain" })
    .option("limit", {
      type: "number",
      requiresArg: true,
      group: FILTER,
      describe: "The first N events; in JSON filters, of each",
    })
    .option("ignore-case", {
      alias: "i",
      type: "boolean",
      default: false,
      group: FILTER,
      describe: "Let upper and lower case be the same in the search",
    })
    .option("oldest-first", {
      type: "boolean",
      default: false,
      describe: "Begin with the oldest event, not the newest",
    })
    .option("count", { type: "boolean", default: false, describe: "Print only how many there are" });
  return parallelOption(networkOptions(own, 30), "Threads for large queries")
    .example("$0 query -a archive --authors npub1… --kinds 1 --limit 20", "the newest notes of someone")
    .example("$0 query -a archive --tag t=nostr --since 2024-01-01 --count", "how often a tag was used")
    .example(`$0 query -a archive '{"kinds":[0,3]}' '{"#e":["5c83da77…"]}'`, "filters as relays get them")
    .example("$0 query -a s3://archives/nostr --search lightning -i | head", "text in an archive in S3")
    .epilogue(
      "Prints JSON Lines: newest first, by id where the time is the same.\nExit codes: 0 done, also when nothing matches, 1 failed, 2 bad usage, 75 when network or S3 failed for too long: try again.",
    );
}
