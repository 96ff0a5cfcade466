import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { datasetName, readDataset } from "../cli/dataset/read.ts";
import type { Dataset } from "../cli/dataset/schema.ts";
import { EXIT, ProtonBeamError } from "../cli/errors.ts";

/** Where Terraform keeps its state. */
const backendSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("local") }),
  z.strictObject({
    type: z.literal("s3"),
    bucket: z.string(),
    region: z.string(),
    /** Of the keys of all stacks. */
    prefix: z.string().default("proton-beam/"),
    /** `file`: a lock object beside the state, Terraform 1.10 or later; else the name of a DynamoDB table. */
    lock: z.string().default("file"),
  }),
  z.strictObject({
    type: z.literal("cloud"),
    organization: z.string(),
    /** Of HCP Terraform, or of a Terraform Enterprise of one's own. */
    hostname: z.string().default("app.terraform.io"),
  }),
]);
export type BackendConfig = z.infer<typeof backendSchema>;

/** What `cdktf.json` says below `context`, for all stacks. */
const settingsSchema = z.object({
  backend: backendSchema.default({ type: "local" }),
  /** The folder of the dataset files. */
  datasets: z.string().default("stacks/datasets"),
  /** One address for all AWS services: an emulator on loopback. */
  awsEndpoint: z.url().optional(),
});
export type Settings = z.infer<typeof settingsSchema>;

/** @throws {ProtonBeamError} usage: that names the wrong field */
export function readSettings(context: unknown): Settings {
  const parsed = settingsSchema.safeParse(context ?? {});
  if (parsed.success) return parsed.data;
  throw new ProtonBeamError(`the context in cdktf.json is wrong:\n${z.prettifyError(parsed.error)}`, EXIT.usage);
}

/** `proton-beam-NAME-logs-ACCOUNT` must be a bucket's name. */
export const DATASET_NAME = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/**
 * The datasets of a folder by their names.
 * @throws {ProtonBeamError} usage: when there is none, or one is wrong
 */
export function readDatasets(folder: string): Map<string, Dataset> {
  const files = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(".json"))
        .sort()
    : [];
  if (files.length === 0)
    throw new ProtonBeamError(`${folder} holds no dataset: make one with "bun run new-dataset"`, EXIT.usage);
  return new Map(
    files.map((file) => {
      const name = datasetName(file);
      if (!DATASET_NAME.test(name))
        throw new ProtonBeamError(
          `${join(folder, file)}: the name of a dataset must be at most 32 of a-z, 0-9 and hyphen`,
          EXIT.usage,
        );
      return [name, readDataset(join(folder, file))];
    }),
  );
}
