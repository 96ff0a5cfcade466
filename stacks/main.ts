// The CDK for Terraform app: a stack for each dataset. Run by `cdktf`, as cdktf.json says.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import cdktfSettings from "../cdktf.json" with { type: "json" };
import { errorMessage, ProtonBeamError } from "../cli/errors.ts";
import { buildBundle } from "../scripts/bundle.ts";
import { readDatasets, readSettings } from "./config.ts";
import { createDatasetStack } from "./dataset-stack.ts";
import { App } from "./terraform.ts";

const scratch = mkdtempSync(join(tmpdir(), "proton-beam-synth-"));
try {
  const app = new App({ context: cdktfSettings.context });
  const settings = readSettings(
    Object.fromEntries(["backend", "datasets", "awsEndpoint"].map((key) => [key, app.node.tryGetContext(key)])),
  );
  const datasets = readDatasets(settings.datasets);
  const bundle = await buildBundle(join(scratch, "bundle.tar.gz"));
  for (const [name, dataset] of datasets) createDatasetStack(app, name, dataset, settings, bundle);
  app.synth();
} catch (error) {
  if (!(error instanceof ProtonBeamError)) throw error;
  process.stderr.write(`${errorMessage(error)}\n`);
  process.exitCode = error.exitCode;
} finally {
  rmSync(scratch, { recursive: true });
}
