import { logGroupName, METRICS_NAMESPACE } from "../../cli/dataset/names.ts";
import { parseS3Url } from "../../cli/net/s3-url.ts";
import { arnOf, bucketArn, type Deployment, LOG_PREFIXES } from "../deployment.ts";
import {
  Construct,
  IamInstanceProfile,
  IamRole,
  IamRolePolicy,
  type TerraformResource,
  type TerraformVariable,
} from "../terraform.ts";
import { type PolicyStatement, policyJson } from "./policies.ts";
import { keyPrefix, type Storage } from "./storage.ts";

export interface Access {
  instanceProfileArn: string;
  roleArn: string;
  /** What must be there before an instance starts. */
  policies: TerraformResource[];
}

/** The role of the instances: what it takes to read the sources, write the archive and report, and nothing else. */
export function createAccess(
  parent: Construct,
  deployment: Deployment,
  storage: Storage,
  groups: string[],
  boundary: TerraformVariable,
): Access {
  const scope = new Construct(parent, "access");
  const { id } = deployment;
  const role = new IamRole(scope, "role", {
    name: id,
    description: `Instances of ${id}`,
    assumeRolePolicy: policyJson([
      { Sid: "Ec2", Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" },
    ]),
    // An empty boundary is none.
    permissionsBoundary: `\${${boundary.fqn} == "" ? null : ${boundary.fqn}}`,
  });
  const statements = {
    archive: archiveStatements(deployment, storage),
    sources: sourceStatements(deployment),
    logs: logStatements(deployment, storage),
    instance: instanceStatements(deployment, groups),
  };
  const policies = Object.entries(statements)
    .filter(([, list]) => list.length > 0)
    .map(
      ([name, list]) => new IamRolePolicy(scope, `${name}_policy`, { name, role: role.id, policy: policyJson(list) }),
    );
  const profile = new IamInstanceProfile(scope, "instance_profile", { name: id, role: role.name });
  return { instanceProfileArn: profile.arn, roleArn: role.arn, policies };
}

/** What `convert --s3-output` needs (README, "To S3"). */
function archiveStatements(deployment: Deployment, { output }: Storage): PolicyStatement[] {
  const { kmsKeyArn } = deployment.dataset.output;
  const prefix = keyPrefix(output.prefix);
  const arn = bucketArn(deployment, output.bucket);
  return [
    {
      Sid: "ArchiveObjects",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
      Resource: `${arn}/${prefix}*`,
    },
    {
      Sid: "ArchiveList",
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: arn,
      ...(prefix === "" ? {} : { Condition: { StringLike: { "s3:prefix": `${prefix}*` } } }),
    },
    // This action does not know s3:prefix: with the condition it would never be allowed.
    { Sid: "ArchiveUploads", Effect: "Allow", Action: "s3:ListBucketMultipartUploads", Resource: arn },
    ...(kmsKeyArn === undefined
      ? []
      : [
          {
            Sid: "ArchiveKey",
            Effect: "Allow" as const,
            Action: ["kms:GenerateDataKey", "kms:Decrypt"],
            Resource: kmsKeyArn,
          },
        ]),
  ];
}

/** Reads of `s3://` sources; of another account's, its bucket policy must allow them too. */
function sourceStatements(deployment: Deployment): PolicyStatement[] {
  const { kmsKeyArns } = deployment.dataset.source;
  return [
    ...[...sourcesByBucket(deployment)].flatMap(([bucket, keys], i) => readStatements(deployment, bucket, keys, i)),
    ...(kmsKeyArns.length === 0
      ? []
      : [{ Sid: "SourceKeys", Effect: "Allow" as const, Action: "kms:Decrypt", Resource: kmsKeyArns }]),
  ];
}

/** The same rights as policies of the buckets, for their owners. */
export function sourceBucketPolicies(deployment: Deployment, roleArn: string): Record<string, string> {
  return Object.fromEntries(
    [...sourcesByBucket(deployment)].map(([bucket, keys]) => [
      bucket,
      policyJson(
        readStatements(deployment, bucket, keys, 0).map((statement) => ({ ...statement, Principal: { AWS: roleArn } })),
      ),
    ]),
  );
}

/** The keys and prefixes that are read, by bucket; none when they are read without signing. */
function sourcesByBucket({ dataset }: Deployment): Map<string, string[]> {
  const { urls, anonymous } = dataset.source;
  const addresses = anonymous ? [] : urls.map(parseS3Url).filter((address) => address !== null);
  const byBucket = Map.groupBy(addresses, ({ bucket }) => bucket);
  return new Map([...byBucket].map(([bucket, list]) => [bucket, list.map(({ key }) => key)]));
}

function readStatements(deployment: Deployment, bucket: string, keys: string[], index: number): PolicyStatement[] {
  const arn = bucketArn(deployment, bucket);
  const isPrefix = (key: string) => key === "" || key.endsWith("/");
  const prefixes = keys.filter(isPrefix);
  return [
    {
      Sid: `SourceObjects${index}`,
      Effect: "Allow",
      Action: "s3:GetObject",
      Resource: keys.map((key) => `${arn}/${key}${isPrefix(key) ? "*" : ""}`),
    },
    ...(prefixes.length === 0
      ? []
      : [
          {
            Sid: `SourceList${index}`,
            Effect: "Allow" as const,
            Action: "s3:ListBucket",
            Resource: arn,
            Condition: { StringLike: { "s3:prefix": prefixes.map((prefix) => `${prefix}*`) } },
          },
        ]),
  ];
}

function logStatements(deployment: Deployment, { logs }: Storage): PolicyStatement[] {
  const arn = bucketArn(deployment, logs.bucket);
  return [
    {
      Sid: "Assets",
      Effect: "Allow",
      Action: "s3:GetObject",
      Resource: `${arn}/${LOG_PREFIXES.assets}/*`,
    },
    {
      Sid: "RunLogs",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      Resource: `${arn}/${LOG_PREFIXES.runs}/*`,
    },
    // Without it S3 answers 403 where there is no object.
    {
      Sid: "RunLogList",
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: arn,
      Condition: { StringLike: { "s3:prefix": `${LOG_PREFIXES.runs}/*` } },
    },
    {
      Sid: "LogGroup",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
      Resource: arnOf(deployment, "logs", `log-group:${logGroupName(deployment.name)}:*`),
    },
  ];
}

function instanceStatements(deployment: Deployment, groups: string[]): PolicyStatement[] {
  return [
    {
      Sid: "ScaleIn",
      Effect: "Allow",
      Action: "autoscaling:SetDesiredCapacity",
      Resource: groups.map((group) =>
        arnOf(deployment, "autoscaling", `autoScalingGroup:*:autoScalingGroupName/${group}`),
      ),
    },
    // These actions know no resources (Service Authorization Reference).
    {
      Sid: "Metrics",
      Effect: "Allow",
      Action: "cloudwatch:PutMetricData",
      Resource: "*",
      Condition: { StringEquals: { "cloudwatch:namespace": METRICS_NAMESPACE } },
    },
    {
      Sid: "SessionManager",
      Effect: "Allow",
      Action: [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ],
      Resource: "*",
    },
  ];
}
