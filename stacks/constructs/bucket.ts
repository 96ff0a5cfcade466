import { bucketArn, type Deployment } from "../deployment.ts";
import {
  type Construct,
  S3Bucket,
  S3BucketLifecycleConfiguration,
  S3BucketOwnershipControls,
  S3BucketPolicy,
  S3BucketPublicAccessBlock,
  S3BucketServerSideEncryptionConfigurationA,
  S3BucketVersioningA,
} from "../terraform.ts";
import { type PolicyStatement, policyJson } from "./policies.ts";

const ABORT_UPLOADS_AFTER_DAYS = 7;

/** Objects below a prefix, and their old versions, that are removed by age. */
interface Expiry {
  id: string;
  prefix: string;
  /** Null: only old versions go. */
  days: number | null;
  oldVersionDays: number;
}

interface BucketOptions {
  name: string;
  /** Whether destroy deletes what is in the bucket. */
  forceDestroy: boolean;
  /** Null: S3's own keys. */
  kmsKeyArn: string | null;
  /** Of the bucket's policy, beside the one that denies what is not TLS. */
  statements: PolicyStatement[];
  lifecycle: Expiry[];
  oldVersionDays: number;
}

/** A bucket with versions, encryption, no public access, TLS only, and a lifecycle. */
export function createBucket(scope: Construct, label: string, deployment: Deployment, options: BucketOptions) {
  const { name, forceDestroy, kmsKeyArn, statements, lifecycle, oldVersionDays } = options;
  const bucket = new S3Bucket(scope, label, { bucket: name, forceDestroy });
  const versioning = new S3BucketVersioningA(scope, `${label}_versioning`, {
    bucket: bucket.id,
    versioningConfiguration: { status: "Enabled" },
  });
  new S3BucketServerSideEncryptionConfigurationA(scope, `${label}_encryption`, {
    bucket: bucket.id,
    rule: [
      {
        applyServerSideEncryptionByDefault:
          kmsKeyArn === null ? { sseAlgorithm: "AES256" } : { sseAlgorithm: "aws:kms", kmsMasterKeyId: kmsKeyArn },
        bucketKeyEnabled: kmsKeyArn !== null,
      },
    ],
  });
  const access = new S3BucketPublicAccessBlock(scope, `${label}_public_access`, {
    bucket: bucket.id,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  new S3BucketOwnershipControls(scope, `${label}_ownership`, {
    bucket: bucket.id,
    rule: { objectOwnership: "BucketOwnerEnforced" },
  });
  const arn = bucketArn(deployment, name);
  const policy = new S3BucketPolicy(scope, `${label}_policy`, {
    bucket: bucket.id,
    policy: policyJson([
      {
        Sid: "OnlyTls",
        Effect: "Deny",
        Principal: { AWS: "*" },
        Action: "s3:*",
        Resource: [arn, `${arn}/*`],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
      ...statements,
    ]),
    // The two exclude each other while they are being changed.
    dependsOn: [access],
  });
  new S3BucketLifecycleConfiguration(scope, `${label}_lifecycle`, {
    bucket: bucket.id,
    rule: [
      {
        id: "tidy",
        status: "Enabled",
        filter: [{ prefix: "" }],
        noncurrentVersionExpiration: [{ noncurrentDays: oldVersionDays }],
        abortIncompleteMultipartUpload: [{ daysAfterInitiation: ABORT_UPLOADS_AFTER_DAYS }],
        expiration: [{ expiredObjectDeleteMarker: true }],
      },
      ...lifecycle.map((expiry) => ({
        id: expiry.id,
        status: "Enabled",
        filter: [{ prefix: expiry.prefix }],
        ...(expiry.days === null ? {} : { expiration: [{ days: expiry.days }] }),
        noncurrentVersionExpiration: [{ noncurrentDays: expiry.oldVersionDays }],
      })),
    ],
    dependsOn: [versioning],
  });
  return { bucket, policy };
}
