// `bun run new-dataset [NAME]`: asks for what a dataset needs, and writes stacks/datasets/NAME.json.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as prompts from "@clack/prompts";
import { composeDataset } from "../cli/dataset/compose.ts";
import { type DatasetConfig, datasetSchema } from "../cli/dataset/schema.ts";
import { describeSizing, sizeOf } from "../cli/dataset/sizing.ts";
import { EXIT, errorMessage } from "../cli/errors.ts";
import { formatBytes } from "../cli/report/format.ts";
import { DATASET_NAME } from "../stacks/config.ts";
import { sourceUrls, uncompressedSize } from "./datasets/answers.ts";
import { probe } from "./datasets/probe.ts";

const FOLDER = "stacks/datasets";

/** The message for a field of the dataset, or undefined when `change` makes it right. */
function problemWith(field: string, change: Record<string, unknown>): string | undefined {
  const parsed = datasetSchema.safeParse({ source: { urls: ["https://example.org/x"], size: "1GB" }, ...change });
  return parsed.error?.issues.find(({ path }) => path[0] === field)?.message;
}

const NAME_RULE = "At most 32 of a-z, 0-9 and hyphen";

/** The name on the command line, or undefined when there is none. */
function nameArgument(): string | undefined {
  const name = process.argv[2];
  if (name === undefined || DATASET_NAME.test(name)) return name;
  process.stderr.write(`new-dataset: "${name}" is no name of a dataset: ${NAME_RULE.toLowerCase()}\n`);
  process.exit(EXIT.usage);
}

async function ask(): Promise<{ name: string; config: DatasetConfig }> {
  const given = nameArgument();
  prompts.intro("A new dataset: one stack, one archive");
  const name =
    given ??
    answered(
      await prompts.text({
        message: "Its name",
        placeholder: "relay-2024",
        validate: (text = "") => (DATASET_NAME.test(text) ? undefined : NAME_RULE),
      }),
    );
  const urls = sourceUrls(
    answered(
      await prompts.text({
        message: "Its sources: http(s):// or s3:// addresses or archive.org items, divided by spaces",
        validate: (text = "") => problemWith("source", { source: { urls: sourceUrls(text), size: "1GB" } }),
      }),
    ),
  );
  const size = answered(
    await prompts.text({
      message: "JSON Lines in them, uncompressed",
      placeholder: "500GB",
      initialValue: await suggestSize(urls),
      validate: (text = "") => problemWith("source", { source: { urls, size: text } }),
    }),
  );
  const region = answered(
    await prompts.text({
      message: "The region: that of s3:// sources, else a near one",
      initialValue: "us-east-1",
      validate: (text) => problemWith("region", { region: text }),
    }),
  );
  const bucket = answered(
    await prompts.text({
      message: "An existing bucket for the archive; nothing: the stack makes one",
      validate: (text = "") => (text === "" ? undefined : problemWith("output", { output: { bucket: text } })),
    }),
  );
  const validateSignatures = answered(await prompts.confirm({ message: "Check every signature?", initialValue: true }));
  const deadlineHours = Number(
    answered(
      await prompts.text({
        message: "Ready within how many hours",
        initialValue: "24",
        validate: (text) => problemWith("deadlineHours", { deadlineHours: Number(text) }),
      }),
    ),
  );
  const purchase = answered(
    await prompts.select<"spot" | "on-demand">({
      message: "Instances",
      options: [
        { value: "spot", label: "spot", hint: "half the price; a run that is interrupted goes on by itself" },
        { value: "on-demand", label: "on-demand" },
      ],
    }),
  );
  const email = answered(
    await prompts.text({
      message: "E-mail for alarms; nothing: nobody is told",
      validate: (text = "") => (text === "" ? undefined : problemWith("alarms", { alarms: { email: text } })),
    }),
  );
  const config = composeDataset({
    source: { urls, size },
    region,
    bucket: bucket || null,
    convert: validateSignatures ? {} : { validateSignatures },
    instanceTypes: null,
    deadlineHours,
    purchase,
    email: email || null,
  });
  return { name, config: { $schema: "../dataset.schema.json", ...config } };
}

/** What the sources' servers say of their size, as a value to begin with. */
async function suggestSize(urls: string[]): Promise<string> {
  const spinner = prompts.spinner();
  spinner.start("Looking at the sources");
  try {
    const { bytes, note } = uncompressedSize(await probe(urls));
    spinner.stop(note);
    return bytes === null ? "" : formatBytes(bytes).replace(" ", "");
  } catch (error) {
    spinner.error(`They cannot be looked at from here: ${errorMessage(error)}`);
    return "";
  }
}

/** The answer, unless there was none: Ctrl-C. */
function answered<T>(answer: T): Exclude<T, symbol> {
  if (!prompts.isCancel(answer)) return answer as Exclude<T, symbol>;
  prompts.cancel("Nothing was written.");
  process.exit(1);
}

const { name, config } = await ask();
const dataset = datasetSchema.parse(config);
const path = join(FOLDER, `${name}.json`);
try {
  prompts.log.info(`Expected: ${describeSizing(sizeOf(dataset), dataset)}`);
} catch (error) {
  prompts.cancel(errorMessage(error));
  process.exit(EXIT.usage);
}
if (
  existsSync(path) &&
  !answered(await prompts.confirm({ message: `${path} exists. Replace it?`, initialValue: false }))
) {
  prompts.cancel("Nothing was written.");
  process.exit(1);
}
mkdirSync(FOLDER, { recursive: true });
writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`);
prompts.outro(`${path} is written. Deploy it with: npx cdktf deploy ${name}`);
