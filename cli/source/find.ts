import type { S3Access, S3Clients } from "../net/s3.ts";
import { parseS3Url } from "../net/s3-url.ts";
import { findArchived, parseArchiveUrl } from "./archive-org.ts";
import { probeHttp } from "./http.ts";
import { fileIdentity, findFiles } from "./local.ts";
import { findObjects } from "./s3.ts";
import type { Source } from "./source.ts";
import { STDIN, STDIN_DEVICE } from "./stdin.ts";

const STDIN_SOURCE: Source = {
  input: { name: STDIN, size: null, modified: null, etag: null, compression: "none" },
  location: { kind: "stdin" },
  checksum: null,
};

/**
 * The sources that command-line arguments name: files, directories, globs, `http(s)://` addresses, archive.org items,
 * `s3://` objects and prefixes, and `-`. What is named twice is read once.
 * @throws {ProtonBeamError} usage: an argument that names nothing, or no dump
 */
export async function findSources(args: string[], access: S3Access, clients: S3Clients): Promise<Source[]> {
  const found = new Map<string, Source>();
  for (const arg of args)
    for (const source of await expand(arg, access, clients)) {
      const identity = identityOf(source);
      if (!found.has(identity)) found.set(identity, source);
    }
  return [...found.values()];
}

async function expand(arg: string, access: S3Access, clients: S3Clients): Promise<Source[]> {
  if (arg === STDIN || arg === STDIN_DEVICE) return [STDIN_SOURCE];
  const address = parseS3Url(arg);
  if (address !== null) return findObjects(address, access, clients);
  if (!/^https?:\/\//i.test(arg)) return findFiles(arg);
  const archived = parseArchiveUrl(arg);
  return archived === null ? [await probeHttp(arg, access.link)] : findArchived(archived, access.link);
}

function identityOf({ input, location }: Source): string {
  return location.kind === "file" ? fileIdentity(location.path) : input.name;
}
