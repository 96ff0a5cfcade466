import { arnOf, bucketArn, type Deployment, LOG_PREFIXES, trailName } from "../deployment.ts";
import type { PolicyStatement } from "./policies.ts";

/**
 * What lets AWS services write to the log bucket, each to its prefix and on behalf of this account only
 * (Amazon S3 User Guide, "Enabling Amazon S3 server access logging"; AWS CloudTrail User Guide, "Amazon S3 bucket policy
 * for CloudTrail"; Amazon VPC User Guide, "Amazon S3 bucket permissions for flow logs").
 */
export function logDeliveryStatements(
  deployment: Deployment,
  names: { output: string; logs: string },
): PolicyStatement[] {
  const { account, dataset } = deployment;
  const logs = bucketArn(deployment, names.logs);
  const accessLogs: PolicyStatement[] =
    dataset.output.bucket !== undefined
      ? []
      : [
          {
            Sid: "ServerAccessLogs",
            Effect: "Allow",
            Principal: { Service: "logging.s3.amazonaws.com" },
            Action: "s3:PutObject",
            Resource: `${logs}/${LOG_PREFIXES.access}/*`,
            Condition: {
              ArnLike: { "aws:SourceArn": bucketArn(deployment, names.output) },
              StringEquals: { "aws:SourceAccount": account },
            },
          },
        ];
  if (!dataset.audit) return accessLogs;

  const ofTrail = { "aws:SourceArn": arnOf(deployment, "cloudtrail", `trail/${trailName(deployment)}`) };
  const ofFlowLogs = {
    ArnLike: { "aws:SourceArn": arnOf(deployment, "logs", "*") },
    StringEquals: { "aws:SourceAccount": account },
  };
  const trail = { Service: "cloudtrail.amazonaws.com" };
  const delivery = { Service: "delivery.logs.amazonaws.com" };
  return [
    ...accessLogs,
    {
      Sid: "TrailAclCheck",
      Effect: "Allow",
      Principal: trail,
      Action: "s3:GetBucketAcl",
      Resource: logs,
      Condition: { StringEquals: ofTrail },
    },
    {
      Sid: "TrailWrite",
      Effect: "Allow",
      Principal: trail,
      Action: "s3:PutObject",
      Resource: `${logs}/${LOG_PREFIXES.trail}/AWSLogs/${account}/*`,
      Condition: { StringEquals: { ...ofTrail, "s3:x-amz-acl": "bucket-owner-full-control" } },
    },
    {
      // With these names AWS knows them for its own, and adds none.
      Sid: "AWSLogDeliveryAclCheck",
      Effect: "Allow",
      Principal: delivery,
      Action: ["s3:GetBucketAcl", "s3:ListBucket"],
      Resource: logs,
      Condition: ofFlowLogs,
    },
    {
      Sid: "AWSLogDeliveryWrite",
      Effect: "Allow",
      Principal: delivery,
      Action: "s3:PutObject",
      Resource: `${logs}/${LOG_PREFIXES.flow}/AWSLogs/${account}/*`,
      Condition: ofFlowLogs,
    },
  ];
}
