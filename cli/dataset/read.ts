import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { type Dataset, datasetSchema } from "./schema.ts";

/**
 * Reads a dataset file.
 * @throws {ProtonBeamError} usage: that names the file and each wrong field
 */
export function readDataset(path: string): Dataset {
  const parsed = datasetSchema.safeParse(readJson(path));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path: field, message }) => `  ${field.length === 0 ? "the file" : z.core.toDotPath(field)}: ${message}`,
  );
  throw new ProtonBeamError(`${path} is no dataset that can be used:\n${problems.join("\n")}`, EXIT.usage);
}

/** `datasets/NAME.json` → `NAME` */
export function datasetName(path: string): string {
  return basename(path, ".json");
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ProtonBeamError(`the dataset ${path} cannot be read: ${errorMessage(error)}`, EXIT.usage);
  }
}
