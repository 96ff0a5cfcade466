import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { datasetName, readDataset } from "../dataset/read.ts";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";

const FOLDER = "stacks/datasets";

/** What is needed of a Terraform state, version 4: the outputs of the stack. */
const stateSchema = z.object({ outputs: z.object({ archive_url: z.object({ value: z.string() }) }) });

/**
 * Where the archive of a deployed dataset is.
 * @param dataset its file, or its name as in `stacks/datasets/NAME.json`
 * @param folder where `stacks/` and the local Terraform states are
 * @throws {ProtonBeamError} usage: when that is not known on this machine
 */
export function archiveOfDataset(dataset: string, folder: string): { url: string; region: string } {
  const isFile = dataset.endsWith(".json") || dataset.includes("/");
  const { output, region } = readDataset(isFile ? dataset : join(folder, FOLDER, `${dataset}.json`));
  if (output.bucket !== undefined) return { url: `s3://${output.bucket}/${output.prefix}`, region };
  const name = datasetName(dataset);
  const path = join(folder, `terraform.${name}.tfstate`);
  if (!existsSync(path))
    throw new ProtonBeamError(
      `the bucket of the dataset ${name} is one that its stack makes, and ${path} is not there to say which. ` +
        `If the state is elsewhere, "npx cdktf output ${name}" shows archive_url: give that instead of --dataset.`,
      EXIT.usage,
    );
  return { url: archiveUrl(path, name), region };
}

function archiveUrl(path: string, name: string): string {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(path, "utf8"))).outputs.archive_url.value;
  } catch (error) {
    throw new ProtonBeamError(
      `${path} does not say where the archive is: ${errorMessage(error)}. Is ${name} deployed? Give the address of the archive instead of --dataset.`,
      EXIT.usage,
    );
  }
}
