/** A bucket and a key, or the beginning of keys. */
export interface S3Address {
  bucket: string;
  key: string;
}

/** `s3://bucket/key` → its parts; null when `text` is no such address */
export function parseS3Url(text: string): S3Address | null {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(text);
  return match === null ? null : { bucket: match[1], key: match[2] ?? "" };
}
