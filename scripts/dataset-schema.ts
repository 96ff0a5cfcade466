// Writes `stacks/dataset.schema.json`, by which editors check and complete dataset files.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { datasetSchema } from "../cli/dataset/schema.ts";

/** The JSON Schema of dataset files. */
export function datasetJsonSchema() {
  return { ...z.toJSONSchema(datasetSchema, { io: "input" }), title: "Proton Beam dataset" };
}

if (import.meta.main)
  writeFileSync(
    join(import.meta.dir, "../stacks/dataset.schema.json"),
    `${JSON.stringify(datasetJsonSchema(), null, 2)}\n`,
  );
