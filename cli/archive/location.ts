import { EXIT, ProtonBeamError } from "../errors.ts";
import type { S3Access } from "../net/s3.ts";
import { parseS3Url } from "../net/s3-url.ts";
import type { BucketSettings } from "../store/bucket.ts";

/** Where the files of an archive are. Plain data, so that it can be handed to threads. */
export type ArchiveLocation = { kind: "local"; folder: string } | { kind: "s3"; settings: BucketSettings };

/**
 * `DIR` or `s3://bucket/prefix` → a location
 * @throws {ProtonBeamError} usage: an address that cannot be
 */
export function parseLocation(text: string, access: S3Access): ArchiveLocation {
  if (!text.startsWith("s3:")) return { kind: "local", folder: text };
  const address = parseS3Url(text);
  if (address === null) throw new ProtonBeamError(`${text} is no address like s3://bucket/prefix`, EXIT.usage);
  return { kind: "s3", settings: bucketSettings(address.bucket, address.key, access) };
}

/** A prefix of a bucket with the bucket's own defaults for what is put there. */
export function bucketSettings(bucket: string, key: string, access: S3Access): BucketSettings {
  const prefix = key.replace(/\/+$/, "");
  return { bucket, prefix: prefix === "" ? "" : `${prefix}/`, access, sse: null, kmsKeyId: null, storageClass: null };
}
