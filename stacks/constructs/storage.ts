import { type Deployment, LOG_PREFIXES } from "../deployment.ts";
import { Construct, S3BucketLoggingA, S3BucketMetric, type TerraformResource } from "../terraform.ts";
import { createBucket } from "./bucket.ts";
import { logDeliveryStatements } from "./log-delivery.ts";

export interface Storage {
  /** Where the archive goes. */
  output: { bucket: string; prefix: string };
  /** Where what happened is kept, and what instances fetch. */
  logs: { bucket: string; policy: TerraformResource };
  /** Whether the output bucket is the stack's own. */
  isOwn: boolean;
  /** What instances need when they start. */
  needed: TerraformResource[];
}

/** The bucket of the archive, unless it is an existing one, and the bucket of its logs. */
export function createStorage(parent: Construct, deployment: Deployment): Storage {
  const scope = new Construct(parent, "storage");
  const { dataset, id, account } = deployment;
  const { output, retention } = dataset;
  const names = { output: output.bucket ?? `${id}-${account}`, logs: `${id}-logs-${account}` };

  const logs = createBucket(scope, "logs", deployment, {
    name: names.logs,
    forceDestroy: true,
    kmsKeyArn: null,
    statements: logDeliveryStatements(deployment, names),
    lifecycle: Object.values(LOG_PREFIXES)
      .filter((prefix) => prefix !== LOG_PREFIXES.assets)
      .map((prefix) => ({ id: prefix, prefix: `${prefix}/`, days: retention.logDays, oldVersionDays: 1 })),
    oldVersionDays: retention.oldVersionDays,
  });
  const needed: TerraformResource[] = [logs.policy];
  if (output.bucket === undefined) {
    const archive = createBucket(scope, "archive", deployment, {
      name: names.output,
      forceDestroy: output.deleteWithStack,
      kmsKeyArn: output.kmsKeyArn ?? null,
      statements: [],
      lifecycle: [
        {
          id: "unfinished-runs",
          prefix: `${keyPrefix(output.prefix)}.proton-beam/`,
          days: retention.unfinishedDays,
          oldVersionDays: 1,
        },
        // Written every minute.
        ...["status.json", "proton-beam.log"].map((name) => ({
          id: name,
          prefix: `${keyPrefix(output.prefix)}${name}`,
          days: null,
          oldVersionDays: 1,
        })),
      ],
      oldVersionDays: retention.oldVersionDays,
    });
    needed.push(archive.policy);
    new S3BucketLoggingA(scope, "access_logging", {
      bucket: archive.bucket.id,
      targetBucket: logs.bucket.id,
      targetPrefix: `${LOG_PREFIXES.access}/`,
      // S3 looks whether it may deliver there.
      dependsOn: [logs.policy],
    });
    new S3BucketMetric(scope, "request_metrics", { bucket: archive.bucket.id, name: "all" });
  }
  return {
    output: { bucket: names.output, prefix: output.prefix },
    logs: { bucket: names.logs, policy: logs.policy },
    isOwn: output.bucket === undefined,
    needed,
  };
}

/** `prefix` → `prefix/`; nothing stays nothing */
export function keyPrefix(prefix: string): string {
  return prefix === "" ? "" : `${prefix}/`;
}
