import type { Link } from "../net/link.ts";
import type { S3Access } from "../net/s3.ts";
import type { S3Address } from "../net/s3-url.ts";
import { contentSize, type Input } from "./inputs.ts";

/** Where the bytes of an input are. */
export type Location =
  | { kind: "stdin" }
  | { kind: "file"; path: string; size: number; modified: number }
  | { kind: "http"; url: string; ranges: boolean; link: Link }
  | ({ kind: "s3"; access: S3Access } & S3Address);

/** A checksum of the stored bytes that the source itself publishes. */
export interface PublishedChecksum {
  algorithm: "md5" | "sha1";
  hex: string;
}

/** An input and how to get at it. */
export interface Source {
  input: Input;
  location: Location;
  checksum: PublishedChecksum | null;
}

/** Whether any byte range of the lines can be read by itself. */
export function isSeekable({ input, location }: Source): boolean {
  if (contentSize(input) === null) return false;
  return location.kind === "file" || location.kind === "s3" || (location.kind === "http" && location.ranges);
}
