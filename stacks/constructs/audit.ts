import { bucketArn, type Deployment, LOG_PREFIXES, trailName } from "../deployment.ts";
import { Cloudtrail, Construct, FlowLog } from "../terraform.ts";
import type { NetworkPlaces } from "./network.ts";
import { keyPrefix, type Storage } from "./storage.ts";

/** Who touched which object of the archive (CloudTrail), and what went over the network of the stack (flow logs). */
export function createAudit(parent: Construct, deployment: Deployment, storage: Storage, network: NetworkPlaces): void {
  const scope = new Construct(parent, "audit");
  const { dataset, id } = deployment;
  const archive = `${bucketArn(deployment, storage.output.bucket)}/${keyPrefix(storage.output.prefix)}`;
  new Cloudtrail(scope, "trail", {
    name: trailName(deployment),
    s3BucketName: storage.logs.bucket,
    s3KeyPrefix: LOG_PREFIXES.trail,
    enableLogFileValidation: true,
    includeGlobalServiceEvents: false,
    eventSelector: [
      {
        readWriteType: "All",
        includeManagementEvents: false,
        dataResource: [{ type: "AWS::S3::Object", values: [archive] }],
      },
    ],
    // CloudTrail tries the bucket when the trail is made.
    dependsOn: [storage.logs.policy],
  });
  // The network of others is for them to watch.
  if (dataset.network.kind === "own")
    new FlowLog(scope, "flow_log", {
      vpcId: network.vpcId,
      trafficType: "ALL",
      logDestinationType: "s3",
      logDestination: `${bucketArn(deployment, storage.logs.bucket)}/${LOG_PREFIXES.flow}/`,
      tags: { Name: id },
      dependsOn: [storage.logs.policy],
    });
}
