import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { EXIT, ProtonBeamError } from "../errors.ts";
import type { S3Clients } from "../net/s3.ts";
import { type Manifest, parseManifest } from "../run/manifest.ts";
import { type BucketSettings, createBucket } from "../store/bucket.ts";
import { INDEX_FILE, MANIFEST_FILE } from "../store/layout.ts";
import { type ArchiveFiles, openFiles } from "./files.ts";
import type { ArchiveLocation } from "./location.ts";

/** A download that goes on writes more often. */
const LEFT_OVER_MS = 60 * 60 * 1000;

/** An archive that is to be read. */
export interface Archive {
  /** For messages. */
  place: string;
  location: ArchiveLocation;
  files: ArchiveFiles;
  /** `index.db` on this disk: that of the archive, or a copy of the one in S3. */
  indexPath: string;
}

/**
 * Opens an archive for reading. The index of one in S3 is fetched once, and again when its ETag is another.
 * @throws {ProtonBeamError} when there is no index
 */
export async function openArchive(location: ArchiveLocation, clients: S3Clients): Promise<Archive> {
  const files = openFiles(location, clients);
  const place = files.place("");
  const index = await files.stat(INDEX_FILE);
  if (index === null)
    throw new ProtonBeamError(
      `${place} holds no archive: there is no ${INDEX_FILE}. If its daily files are there, make it with: proton-beam index rebuild ${place}`,
      EXIT.failed,
    );
  const indexPath =
    location.kind === "local" ? join(location.folder, INDEX_FILE) : await cachedIndex(location, index.version, clients);
  return { place, location, files, indexPath };
}

/** The manifest of an archive, or null when it has none. @throws {ProtonBeamError} when it is damaged */
export async function manifestOf(files: ArchiveFiles): Promise<Manifest | null> {
  const text = await files.readText(MANIFEST_FILE);
  return text === null ? null : parseManifest(files.place(MANIFEST_FILE), text);
}

/** Where something is kept between commands that belongs to an archive in S3 (XDG Base Directory Specification). */
export function cacheFolder(purpose: string, settings: BucketSettings, env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME?.startsWith("/") ? env.XDG_CACHE_HOME : join(homedir(), ".cache");
  const { access, bucket, prefix } = settings;
  return join(base, "proton-beam", purpose, nameOf(`${access.endpoint ?? ""} s3://${bucket}/${prefix}`));
}

async function cachedIndex(
  { settings }: ArchiveLocation & { kind: "s3" },
  etag: string,
  clients: S3Clients,
): Promise<string> {
  const bucket = createBucket(settings, clients);
  const folder = cacheFolder("index", settings);
  const path = join(folder, `${nameOf(etag)}.db`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const partial = join(folder, `${nameOf(etag)}.${process.pid}.tmp`);
  try {
    await bucket.download(INDEX_FILE, partial);
    renameSync(partial, path);
  } finally {
    rmSync(partial, { force: true });
  }
  // Those of earlier states of the archive; a reader that has one open keeps it until it closes it.
  for (const name of readdirSync(folder)) {
    const other = join(folder, name);
    if (other !== path && (name.endsWith(".db") || isLeftOver(other))) rmSync(other, { force: true });
  }
  return path;
}

/** Whether it is a part of an index whose download was killed. */
function isLeftOver(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > LEFT_OVER_MS;
}

function nameOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
