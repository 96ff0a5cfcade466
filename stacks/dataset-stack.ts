import type { Dataset } from "../cli/dataset/schema.ts";
import { describeSizing, sizeOf } from "../cli/dataset/sizing.ts";
import type { Bundle } from "../scripts/bundle.ts";
import { createBackend } from "./backend.ts";
import type { Settings } from "./config.ts";
import { createAccess, sourceBucketPolicies } from "./constructs/access.ts";
import { createAudit } from "./constructs/audit.ts";
import { createCompute, imageParameter } from "./constructs/compute.ts";
import { createNetwork } from "./constructs/network.ts";
import { createObservability } from "./constructs/observability.ts";
import { createFallback, createLimit } from "./constructs/scaling.ts";
import { createStorage } from "./constructs/storage.ts";
import { type Deployment, stackId } from "./deployment.ts";
import { createOutputs } from "./outputs.ts";
import { createProvider } from "./provider.ts";
import {
  type App,
  AssetType,
  DataAwsCallerIdentity,
  DataAwsPartition,
  S3Object,
  TerraformAsset,
  TerraformStack,
  TerraformVariable,
} from "./terraform.ts";
import { bundleKey, planGroups } from "./user-data.ts";

/** The stack of a dataset: all that its conversion takes, and nothing that another stack needs. */
export function createDatasetStack(app: App, name: string, dataset: Dataset, settings: Settings, bundle: Bundle): void {
  const stack = new TerraformStack(app, name);
  createBackend(stack, name, settings.backend);
  createProvider(stack, name, dataset, settings.awsEndpoint ?? null);
  const sizing = sizeOf(dataset);
  const estimate = describeSizing(sizing, dataset);
  const variables = {
    email: variable(stack, "alarm_email", dataset.alarms.email ?? "", "Who is told of alarms; empty for nobody"),
    boundary: variable(
      stack,
      "permissions_boundary",
      dataset.permissionsBoundary ?? "",
      "ARN of a policy that bounds the role of the instances; empty for none",
    ),
    image: variable(
      stack,
      "image_parameter",
      imageParameter(sizing.architecture),
      "Systems Manager parameter with the id of the machine image",
    ),
    start: new TerraformVariable(stack, "start", {
      type: "bool",
      default: true,
      description: "Whether to start when the groups are made, or to wait for the schedule or the start command",
    }),
  };
  const deployment: Deployment = {
    name,
    dataset,
    id: stackId(name),
    account: new DataAwsCallerIdentity(stack, "account").accountId,
    partition: new DataAwsPartition(stack, "partition").partition,
  };

  const storage = createStorage(stack, deployment);
  const groups = planGroups(stack, deployment, storage, bundle, sizing.architecture);
  const groupNames = groups.map((group) => group.name);
  const network = createNetwork(stack, deployment);
  const access = createAccess(stack, deployment, storage, groupNames, variables.boundary);
  const asset = new S3Object(stack, "bundle", {
    bucket: storage.logs.bucket,
    key: bundleKey(bundle),
    source: new TerraformAsset(stack, "bundle_file", { path: bundle.path, type: AssetType.FILE }).path,
    contentType: "application/gzip",
    // An object has room for ten tags, which is fewer than other things have.
    overrideProvider: { defaultTags: { tags: {} } },
    dependsOn: [storage.logs.policy],
  });
  const observability = createObservability(stack, deployment, storage, groupNames, estimate, variables.email);
  const made = createCompute(stack, deployment, sizing, { network, access }, groups, variables, [
    asset,
    ...storage.needed,
    ...network.needed,
    ...access.policies,
    observability.logGroup,
  ]);
  const [first, standby] = made;
  createLimit(stack, deployment, made, observability.topicArn);
  if (standby !== undefined) createFallback(stack, deployment, first, standby);
  if (dataset.audit) createAudit(stack, deployment, storage, network);
  createOutputs(stack, deployment, {
    storage,
    groups: made.map((group) => group.name),
    dashboard: observability.dashboard,
    estimate,
    sourcePolicies: sourceBucketPolicies(deployment, access.roleArn),
  });
}

function variable(stack: TerraformStack, name: string, value: string, description: string): TerraformVariable {
  return new TerraformVariable(stack, name, { type: "string", default: value, description });
}
