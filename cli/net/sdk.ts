/*
 * The AWS SDK, loaded where S3 is used: it takes a tenth of a second, in each thread.
 */
export function clientS3(): typeof import("@aws-sdk/client-s3") {
  return require("@aws-sdk/client-s3");
}

export function libStorage(): typeof import("@aws-sdk/lib-storage") {
  return require("@aws-sdk/lib-storage");
}
