import { parseS3Url } from "../../cli/net/s3-url.ts";
import { arnOf, bucketArn, type Deployment, LOG_PREFIXES, logGroupName, METRICS_NAMESPACE } from "../deployment.ts";
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
      Action: ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
      Resource: arn,
      ...(prefix === "" ? {} : { Condition: { StringLike: { "s3:prefix": `${prefix}*` } } }),
    },
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
export function sourceStatements(deployment: Deployment): PolicyStatement[] {
  const { source } = deployment.dataset;
  const addresses = source.urls.map(parseS3Url).filter((address) => address !== null);
  if (addresses.length === 0 || source.anonymous) return [];
  const isPrefix = (key: string) => key === "" || key.endsWith("/");
  const listed = addresses.filter(({ key }) => isPrefix(key));
  return [
    {
      Sid: "SourceObjects",
      Effect: "Allow",
      Action: "s3:GetObject",
      Resource: addresses.map(
        ({ bucket, key }) => `${bucketArn(deployment, bucket)}/${key}${isPrefix(key) ? "*" : ""}`,
      ),
    },
    ...listed.map(
      ({ bucket, key }, i): PolicyStatement => ({
        Sid: `SourceList${i}`,
        Effect: "Allow",
        Action: "s3:ListBucket",
        Resource: bucketArn(deployment, bucket),
        ...(key === "" ? {} : { Condition: { StringLike: { "s3:prefix": `${key}*` } } }),
      }),
    ),
    ...(source.kmsKeyArns.length === 0
      ? []
      : [{ Sid: "SourceKeys", Effect: "Allow" as const, Action: "kms:Decrypt", Resource: source.kmsKeyArns }]),
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
      Resource: arnOf(deployment, "logs", `log-group:${logGroupName(deployment)}:*`),
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
