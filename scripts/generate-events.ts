import { availableParallelism } from "node:os";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { expectedPath, generateDump } from "./generator/generate.ts";

const args = await yargs(hideBin(process.argv))
  .usage("$0 --out FILE\n\nWrites a dump of signed events and, beside it, the counts a converter must find.")
  .option("out", { type: "string", demandOption: true, requiresArg: true, describe: "The dump to write" })
  .option("lines", { type: "number", default: 100_000, describe: "Lines, about 1.7 KB each" })
  .option("seed", { type: "string", default: "1", describe: "Another seed, other events" })
  .option("days", { type: "number", default: 30, describe: "Days over which the events are spread" })
  .option("duplicates", { type: "number", default: 0.05, describe: "Share of lines that repeat an event" })
  .option("invalid", { type: "number", default: 0.01, describe: "Share of lines that must be rejected" })
  .option("parallel", {
    type: "number",
    default: availableParallelism(),
    describe: "Worker threads; the output is the same",
  })
  .strict()
  .parseAsync();

const { out, parallel, seed, lines, days, duplicates, invalid } = args;
const expected = await generateDump(out, { seed, lines, days, duplicates, invalid }, parallel);
console.log(`${out}: ${expected.lines} lines, ${expected.bytes} bytes; expected counts in ${expectedPath(out)}`);
