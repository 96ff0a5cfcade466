import { randomUUID } from "node:crypto";
import { errorMessage } from "../errors.ts";
import type { S3Clients } from "../net/s3.ts";
import { parseManifest } from "../run/manifest.ts";
import { type Bucket, type BucketSettings, createBucket } from "../store/bucket.ts";
import { MANIFEST_FILE, workKeys } from "../store/layout.ts";
import { describeManifest } from "./archive.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

const TYPE = "text/plain";

/** Whether an archive in S3 can be listed and read, and what is there. */
export async function checkBucket(settings: BucketSettings, clients: S3Clients): Promise<Finding[]> {
  const bucket = createBucket(settings, clients);
  try {
    for await (const _ of bucket.list("", "/")) break;
    const findings: Finding[] = [ok("bucket", `${bucket.url("")} can be listed`)];
    const manifest = await bucket.readText(MANIFEST_FILE);
    findings.push(
      describeManifest(
        bucket.url(""),
        manifest === null ? null : parseManifest(bucket.url(MANIFEST_FILE), manifest.text),
      ),
    );
    if ((await bucket.readText(workKeys.lease)) !== null)
      findings.push(
        warning(
          "archive",
          "a lease is on it: a machine is at work, or died there",
          "Convert waits for it, and takes over if it is dead.",
        ),
      );
    else if ((await bucket.head(workKeys.plan)) !== null)
      findings.push(
        warning(
          "archive",
          "an unfinished run is in it",
          "Repeat its command on any machine: it goes on where it stopped.",
        ),
      );
    return findings;
  } catch (error) {
    return [problem("bucket", errorMessage(error), encryptionFix(errorMessage(error)))];
  }
}

/**
 * Puts, replaces, reads and removes an object below `.proton-beam/`, with the conditions on which the lease rests
 * (S3 User Guide, "Conditional writes").
 */
export async function checkWriting(settings: BucketSettings, clients: S3Clients): Promise<Finding[]> {
  const bucket = createBucket(settings, clients);
  const key = `${workKeys.root}doctor-${randomUUID()}.txt`;
  try {
    const findings = await tryWriting(bucket, key);
    await bucket.remove([key]);
    if ((await bucket.head(key)) !== null)
      findings.push(problem("writing", `${bucket.url(key)} could not be removed`, null));
    return findings;
  } catch (error) {
    await bucket.remove([key]).catch(() => {});
    return [problem("writing", errorMessage(error), encryptionFix(errorMessage(error)))];
  }
}

async function tryWriting(bucket: Bucket, key: string): Promise<Finding[]> {
  const etag = await bucket.putText(key, "first", TYPE, { absent: true });
  if (etag === null) return [problem("writing", `${bucket.url(key)} is taken for there already`, UNCONDITIONAL)];
  const isReplaced = (await bucket.putText(key, "second", TYPE, { absent: true })) !== null;
  if (isReplaced) return [problem("writing", "the server takes no notice of If-None-Match", UNCONDITIONAL)];
  const next = await bucket.putText(key, "third", TYPE, { etag });
  if (next === null) return [problem("writing", "the server does not know its own ETag in If-Match", UNCONDITIONAL)];
  if ((await bucket.putText(key, "fourth", TYPE, { etag })) !== null)
    return [problem("writing", "the server takes no notice of If-Match", UNCONDITIONAL)];
  if ((await bucket.readText(key))?.text !== "third")
    return [problem("writing", `${bucket.url(key)} is not what was written there`, null)];
  return [ok("writing", `${bucket.url("")}: put, conditional put, read and delete work`)];
}

const UNCONDITIONAL =
  "The lease on an archive needs conditional writes: use a server that has them (AWS, MinIO, R2, versitygw), or keep the archive on a disk.";

/** What to do about an error that comes of encryption with a key of KMS. */
function encryptionFix(message: string): string | null {
  if (!/\bkms\b/i.test(message)) return null;
  return "The bucket encrypts with a KMS key: the credentials need kms:GenerateDataKey and kms:Decrypt on it, and the key must be enabled, and in the bucket's region.";
}
