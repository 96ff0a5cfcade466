import type { Dataset } from "./schema.ts";

/** What a dataset says of the command line of `convert`, by the names of its options. */
export function convertArgs({ source, output, region, convert }: Dataset): Record<string, unknown> {
  const { bucket, prefix, storageClass, kmsKeyArn } = output;
  return {
    input: source.urls,
    ...convert,
    region,
    signRequest: !source.anonymous,
    requestPayer: source.requestPayer,
    storageClass,
    ...(kmsKeyArn === undefined ? {} : { kmsKeyId: kmsKeyArn }),
    ...(bucket === undefined ? {} : { s3Output: `s3://${bucket}/${prefix}` }),
  };
}
