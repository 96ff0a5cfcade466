// `bun run user-data DATASET_FILE --bundle PLACE > user-data.sh`: a script that makes any Ubuntu machine convert a dataset, by hand
// or pasted as the user data of an instance. The stacks render theirs themselves.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { logGroupName, METRICS_NAMESPACE } from "../cli/dataset/names.ts";
import { datasetName, readDataset } from "../cli/dataset/read.ts";
import { sizeOf } from "../cli/dataset/sizing.ts";
import { EXIT, errorMessage, ProtonBeamError } from "../cli/errors.ts";
import { parseS3Url } from "../cli/net/s3-url.ts";
import { agentRelease } from "../user-data/agent-release.ts";
import { pinnedBun } from "../user-data/bun.ts";
import { renderUserData } from "../user-data/render.ts";
import { root } from "./build-options.ts";
import { buildBundle } from "./bundle.ts";

const BUNDLE = join(root, "dist/proton-beam.tar.gz");

const cli = yargs(hideBin(process.argv))
  .scriptName("bun run user-data")
  .usage("$0 <dataset>\n\nPrints the script of a machine that converts a dataset.")
  .command("$0 <dataset>", false, (command) =>
    command.positional("dataset", { type: "string", demandOption: true, describe: "stacks/datasets/NAME.json" }),
  )
  .options({
    bundle: {
      type: "string",
      demandOption: true,
      requiresArg: true,
      describe: `Where the machine finds the bundle: https://…, s3://… or a path on it. It is built as ${BUNDLE}; put it there`,
    },
    logs: { type: "string", requiresArg: true, describe: "s3://bucket/prefix for the machine's logs" },
    mount: { type: "boolean", default: false, describe: "Format the largest blank disk and work there" },
    terminate: { type: "boolean", default: false, describe: "Power the machine off at the end, whatever it is" },
    cloudwatch: {
      type: "boolean",
      default: false,
      describe: "Install the CloudWatch agent, and send metrics and logs",
    },
    "bun-url": { type: "string", requiresArg: true, describe: "A mirror of the npm scope @oven, for Bun" },
  })
  .check(({ bundle, logs }) => {
    if (!/^(https?:\/\/|\/)/.test(bundle) && parseS3Url(bundle) === null)
      throw new Error(`--bundle ${bundle} is neither https://…, s3://bucket/key nor an absolute path`);
    if (logs !== undefined && parseS3Url(logs) === null) throw new Error(`--logs ${logs} is not s3://bucket/prefix`);
    return true;
  })
  .strict()
  .fail(false);

const args = await parse();
try {
  const path = String(args.dataset);
  const dataset = readDataset(path);
  const name = datasetName(path);
  const { sha256 } = await buildBundle(BUNDLE);
  process.stdout.write(
    renderUserData({
      dataset: name,
      datasetJson: JSON.stringify(JSON.parse(readFileSync(path, "utf8"))),
      region: dataset.region,
      output: null,
      logs: args.logs ?? null,
      bundle: { url: args.bundle, sha256 },
      bun: pinnedBun(args.bunUrl),
      autoScalingGroups: [],
      standby: null,
      metricsNamespace: args.cloudwatch ? METRICS_NAMESPACE : null,
      maxRunSeconds: Math.ceil(dataset.maxRunHours * 3600),
      volume: args.mount ? "mount" : "directory",
      terminate: args.terminate,
      agent: args.cloudwatch
        ? { ...agentRelease(dataset.region, sizeOf(dataset).architecture), logGroup: logGroupName(name) }
        : null,
      endpoints: {},
    }),
  );
  process.stderr.write(`The bundle is ${BUNDLE}: it must be at ${args.bundle} when the script runs.\n`);
} catch (error) {
  process.stderr.write(`${errorMessage(error)}\n`);
  process.exit(error instanceof ProtonBeamError ? error.exitCode : EXIT.failed);
}

async function parse() {
  try {
    return await cli.parseAsync();
  } catch (error) {
    process.stderr.write(`${errorMessage(error)}\nSee bun run user-data --help.\n`);
    process.exit(EXIT.usage);
  }
}
