import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ArchiveLocation } from "../archive/location.ts";
import type { S3Clients } from "../net/s3.ts";
import { type RunHistory, readHistory } from "../report/history.ts";
import { type StatusDocument, statusSchema } from "../report/status.ts";
import { type Manifest, parseManifest, readManifest } from "../run/manifest.ts";
import { type BucketSettings, createBucket } from "../store/bucket.ts";
import { LOG_FILE, MANIFEST_FILE, STATUS_FILE, workKeys, workLayout } from "../store/layout.ts";
import { leaseHolder } from "../store/lease.ts";
import { isAlive } from "./process.ts";

/** What is found of a run in the place of its archive. */
export interface Facts {
  place: string;
  status: StatusDocument | null;
  history: RunHistory[];
  manifest: Manifest | null;
  /** What an unfinished run has committed; null when there is none. */
  work: { segments: number; days: number } | null;
  /** In S3: who is at work, or died at it. */
  lease: { host: string; pid: number } | null;
  /** Whether the process of the last session still is; null when it cannot be known from here. */
  isAlive: boolean | null;
}

const SEGMENT = /\.seg$/;
const ROWS = /\.rows$/;

/** @throws {ProtonBeamError} when the place cannot be read, or its manifest is damaged */
export async function readFacts(location: ArchiveLocation, clients: S3Clients): Promise<Facts> {
  return location.kind === "local" ? localFacts(location.folder) : bucketFacts(location.settings, clients);
}

function localFacts(folder: string): Facts {
  const layout = workLayout(folder);
  const history = readHistory(readOrNull(join(folder, LOG_FILE)) ?? "");
  const session = history.at(-1)?.current;
  const namesIn = (path: string) => (existsSync(path) ? readdirSync(path) : []);
  return {
    place: folder,
    status: parseStatus(readOrNull(layout.status)),
    history,
    manifest: readManifest(join(folder, MANIFEST_FILE)),
    work: existsSync(layout.plan)
      ? { segments: countOf(namesIn(layout.segments), SEGMENT), days: countOf(namesIn(layout.days), ROWS) }
      : null,
    lease: null,
    isAlive: session === undefined ? null : isAlive(session),
  };
}

/** The work may be gone at any time, because a run that ends removes it. */
function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

async function bucketFacts(settings: BucketSettings, clients: S3Clients): Promise<Facts> {
  const bucket = createBucket(settings, clients);
  const namesIn = async (prefix: string) => {
    const keys: string[] = [];
    for await (const { key } of bucket.list(prefix)) keys.push(key);
    return keys;
  };
  const [log, status, manifest, plan, segments, days, lease] = await Promise.all([
    bucket.readText(LOG_FILE),
    bucket.readText(STATUS_FILE),
    bucket.readText(MANIFEST_FILE),
    bucket.head(workKeys.plan),
    namesIn(workKeys.segments),
    namesIn(workKeys.days),
    leaseHolder(bucket, workKeys.lease),
  ]);
  return {
    place: bucket.url(""),
    status: parseStatus(status?.text ?? null),
    history: readHistory(log?.text ?? ""),
    manifest: manifest === null ? null : parseManifest(bucket.url(MANIFEST_FILE), manifest.text),
    work: plan === null ? null : { segments: countOf(segments, SEGMENT), days: countOf(days, ROWS) },
    lease,
    isAlive: null,
  };
}

function parseStatus(text: string | null): StatusDocument | null {
  if (text === null) return null;
  try {
    return statusSchema.parse(JSON.parse(text));
  } catch {
    // Of another version: the log says the same, if later.
    return null;
  }
}

function countOf(names: string[], pattern: RegExp): number {
  return names.filter((name) => pattern.test(name)).length;
}
