import { z } from "zod";

/** How the bytes of an input are stored. */
const compressionSchema = z.enum(["none", "gzip", "zstd", "xz", "bzip2"]);
export type Compression = z.infer<typeof compressionSchema>;

/** What identifies an input: as long as these are equal its bytes are taken to be. */
export const inputSchema = z.object({
  /** The path as the user gave it, or as a glob or directory expanded to; an URL without secrets; `-` is standard input. */
  name: z.string(),
  /** Bytes as stored; null when not known before the end. */
  size: z.number().nullable(),
  /** Modification time, milliseconds since 1970; null when not known. */
  modified: z.number().nullable(),
  /** The ETag a server gave; null for files and pipes. */
  etag: z.string().nullable().default(null),
  compression: compressionSchema.default("none"),
});
export type Input = z.infer<typeof inputSchema>;

/** Bytes of the lines, or null when that is not known before the end. */
export function contentSize({ size, compression }: Input): number | null {
  return compression === "none" ? size : null;
}

/** Whether two looks at an input can tell that it is the same. */
export function hasIdentity({ size, etag }: Input): boolean {
  return size !== null || etag !== null;
}

/** Names of dumps in directories, prefixes and archive.org items. */
export const DUMP_FILE = /\.(jsonl|ndjson)(\.(gz|zst|xz|bz2))?$/;
