import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Architecture } from "../cli/dataset/instance-type.ts";
import { logGroupName, METRICS_NAMESPACE } from "../cli/dataset/names.ts";
import type { Dataset, DatasetConfig } from "../cli/dataset/schema.ts";
import type { Bundle } from "../scripts/bundle.ts";
import { agentRelease } from "../user-data/agent-release.ts";
import { pinnedBun } from "../user-data/bun.ts";
import { type InstanceSettings, renderUserData } from "../user-data/render.ts";
import type { GroupPlan, Purchase } from "./constructs/compute.ts";
import type { Storage } from "./constructs/storage.ts";
import { type Deployment, LOG_PREFIXES } from "./deployment.ts";
import { AssetType, type Construct, Fn, TerraformAsset } from "./terraform.ts";

/** As long as what comes into their places: the number of the account, which Terraform knows, and the hash. */
const ACCOUNT = "@ACCOUNT_ID@";
const RUN = "@RUN_ID@";

/** The key of the bundle in the log bucket. */
export function bundleKey({ sha256 }: Bundle): string {
  return `${LOG_PREFIXES.assets}/proton-beam-${sha256.slice(0, 16)}.tar.gz`;
}

/**
 * The groups of a deployment with the scripts that their instances start with. Their names end in a hash of the script:
 * what changes it (the dataset, the converter) makes new groups, and thereby a new run.
 * @param bundle in whose folder the scripts are written until they are synthesized
 * @throws {ProtonBeamError} usage: when a script is larger than EC2 allows
 */
export function planGroups(
  scope: Construct,
  deployment: Deployment,
  storage: Storage,
  bundle: Bundle,
  architecture: Architecture,
): GroupPlan[] {
  const { name, id, dataset, account } = deployment;
  const purchases: Purchase[] = dataset.purchase === "spot" ? ["spot", "on-demand"] : ["on-demand"];
  const names = purchases.map((purchase) => `${id}-${purchase}-${RUN}`);
  const common = commonSettings(deployment, storage, bundle, architecture);
  const scripts = purchases.map((_, i) =>
    // A later group takes the place of the first.
    renderUserData({ ...common, autoScalingGroups: names, standby: i === 0 ? null : names[0] }),
  );
  const run = createHash("sha256").update(scripts.join()).digest("hex").slice(0, 8);
  return purchases.map((purchase, i) => {
    const path = join(dirname(bundle.path), `${name}-${purchase}.sh`);
    writeFileSync(path, scripts[i].replaceAll(RUN, run));
    const asset = new TerraformAsset(scope, `user_data_${purchase}`, { path, type: AssetType.FILE });
    return {
      name: names[i].replace(RUN, run),
      purchase,
      userData: Fn.replace(Fn.file(asset.path), ACCOUNT, account),
      isFirst: i === 0,
    };
  });
}

/** What the scripts of all groups have in common. */
function commonSettings(
  { name, dataset, account }: Deployment,
  { output, logs }: Storage,
  bundle: Bundle,
  architecture: Architecture,
): Omit<InstanceSettings, "autoScalingGroups" | "standby"> {
  const url = (bucket: string, key: string) => `s3://${bucket.replace(account, ACCOUNT)}/${key}`;
  return {
    dataset: name,
    datasetJson: JSON.stringify(instanceDataset(dataset)),
    region: dataset.region,
    output: url(output.bucket, output.prefix),
    logs: url(logs.bucket, `${LOG_PREFIXES.runs}/${RUN}`),
    metricsNamespace: METRICS_NAMESPACE,
    bundle: { url: url(logs.bucket, bundleKey(bundle)), sha256: bundle.sha256 },
    bun: pinnedBun(),
    agent: { ...agentRelease(dataset.region, architecture), logGroup: logGroupName(name) },
    maxRunSeconds: Math.ceil(dataset.maxRunHours * 3600),
    volume: "mount",
    terminate: true,
    endpoints: {},
  };
}

/** What an instance needs of the dataset: a change of the rest, as of tags or alarms, is no reason for another run. */
function instanceDataset({ source, output, region, convert, instance, volume }: Dataset): DatasetConfig {
  return { source, output, region, convert, instance, volume };
}
