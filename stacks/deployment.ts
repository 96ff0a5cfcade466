import type { Dataset } from "../cli/dataset/schema.ts";

/** What all constructs of a stack know of it. */
export interface Deployment {
  /** The dataset's name: that of its file. */
  name: string;
  dataset: Dataset;
  /** `proton-beam-NAME`: what resources are called by. */
  id: string;
  /** Tokens: known when the stack is planned. */
  account: string;
  /** `aws`, `aws-cn` or `aws-us-gov`. */
  partition: string;
}

/** What resources of a dataset are called by. */
export function stackId(dataset: string): string {
  return `proton-beam-${dataset}`;
}

/** The tags of all that a stack makes. */
export function stackTags(name: string, dataset: Dataset): Record<string, string> {
  return { Project: "proton-beam", Stack: name, ...dataset.tags };
}

/** Prefixes of the log bucket. */
export const LOG_PREFIXES = {
  /** Logs of runs, uploaded by the instances themselves. */
  runs: "runs",
  /** What instances fetch when they start. */
  assets: "assets",
  /** Server access logs of the output bucket. */
  access: "access-logs",
  trail: "cloudtrail",
  flow: "flow-logs",
} as const;

/** The beginning of the ARNs of a service in the region of the dataset. */
export function arnOf({ partition, dataset, account }: Deployment, service: string, resource: string): string {
  return `arn:${partition}:${service}:${dataset.region}:${account}:${resource}`;
}

/** The ARN of a bucket. */
export function bucketArn({ partition }: Deployment, bucket: string): string {
  return `arn:${partition}:s3:::${bucket}`;
}

/** The name of the audit trail. */
export function trailName({ id }: Deployment): string {
  return id;
}
