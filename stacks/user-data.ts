import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dataset, DatasetConfig } from "../cli/dataset/schema.ts";
import { sizeOf } from "../cli/dataset/sizing.ts";
import type { Bundle } from "../scripts/bundle.ts";
import { agentRelease } from "../user-data/agent-release.ts";
import { pinnedBun } from "../user-data/bun.ts";
import { renderUserData } from "../user-data/render.ts";
import type { GroupPlan, Purchase } from "./constructs/compute.ts";
import type { Storage } from "./constructs/storage.ts";
import { type Deployment, LOG_PREFIXES, logGroupName, METRICS_NAMESPACE } from "./deployment.ts";
import { AssetType, type Construct, Fn, TerraformAsset } from "./terraform.ts";

const ACCOUNT = "@ACCOUNT@";
const RUN = "@RUN@";

/** The key of the bundle in the log bucket. */
export function bundleKey({ sha256 }: Bundle): string {
  return `${LOG_PREFIXES.assets}/proton-beam-${sha256.slice(0, 16)}.tar.gz`;
}

/**
 * The groups of a deployment with the scripts that their instances start with. Their names end in a hash of the script:
 * what changes it (the dataset, the converter) makes new groups, and thereby a new run.
 * @throws {Error} when a script is larger than EC2 allows
 */
export function planGroups(scope: Construct, deployment: Deployment, storage: Storage, bundle: Bundle): GroupPlan[] {
  const { id, dataset, account } = deployment;
  const purchases: Purchase[] = dataset.purchase === "spot" ? ["spot", "on-demand"] : ["on-demand"];
  const names = purchases.map((purchase) => `${id}-${purchase}-${RUN}`);
  const scripts = purchases.map((_, i) =>
    // What is known only when the stack is planned is put in by Terraform.
    render(deployment, storage, bundle, names, i === 0 ? null : names[0]).replaceAll(account, ACCOUNT),
  );
  const run = createHash("sha256").update(scripts.join()).digest("hex").slice(0, 8);
  return purchases.map((purchase, i) => {
    const asset = new TerraformAsset(scope, `user_data_${purchase}`, {
      path: writeScript(scripts[i].replaceAll(RUN, run)),
      type: AssetType.FILE,
    });
    return {
      name: names[i].replace(RUN, run),
      purchase,
      userData: Fn.replace(Fn.file(asset.path), ACCOUNT, account),
      isFirst: i === 0,
    };
  });
}

/** @param standby the group whose place this one takes */
function render(
  deployment: Deployment,
  { output, logs }: Storage,
  bundle: Bundle,
  groups: string[],
  standby: string | null,
): string {
  const { name, dataset } = deployment;
  return renderUserData({
    dataset: name,
    datasetJson: JSON.stringify(instanceDataset(dataset)),
    region: dataset.region,
    output: `s3://${output.bucket}/${output.prefix}`,
    logs: `s3://${logs.bucket}/${LOG_PREFIXES.runs}`,
    metricsNamespace: METRICS_NAMESPACE,
    bundle: { url: `s3://${logs.bucket}/${bundleKey(bundle)}`, sha256: bundle.sha256 },
    bun: pinnedBun(),
    agent: { ...agentRelease(dataset.region, sizeOf(dataset).architecture), logGroup: logGroupName(deployment) },
    autoScalingGroups: groups,
    standby,
    maxRunSeconds: Math.ceil(dataset.maxRunHours * 3600),
    volume: "mount",
    terminate: true,
    endpoints: {},
  });
}

/** What an instance needs of the dataset: a change of the rest, as of tags or alarms, is no reason for another run. */
function instanceDataset({ source, output, region, convert, instance, volume }: Dataset): DatasetConfig {
  return { source, output, region, convert, instance, volume };
}

function writeScript(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "proton-beam-synth-")), "user-data.sh");
  writeFileSync(path, text);
  return path;
}
