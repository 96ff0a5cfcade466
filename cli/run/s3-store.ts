import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import PQueue from "p-queue";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { parseDayName } from "../event/date.ts";
import type { S3Clients } from "../net/s3.ts";
import { describeDifference, fingerprintOf, type Plan, parsePlan } from "../plan/plan.ts";
import type { Logger } from "../report/log.ts";
import { type StatusReport, serializeStatus } from "../report/status.ts";
import { type SegmentFooter, segmentFooterSchema } from "../segment/segment.ts";
import { writeAtomically } from "../store/atomic.ts";
import { type Bucket, type BucketSettings, createBucket, type UploadOptions } from "../store/bucket.ts";
import { decodeFooter, footerLength } from "../store/container.ts";
import {
  dayFileName,
  INDEX_FILE,
  isArchiveKey,
  LOG_FILE,
  MANIFEST_FILE,
  REJECTED_FILE,
  REPORT_FILE,
  STATUS_FILE,
  type WorkLayout,
  workKeys,
} from "../store/layout.ts";
import { acquireLease, type Lease, leaseLost } from "../store/lease.ts";
import type { ArchiveStore } from "./archive-store.ts";
import { assertIndexFits } from "./existing-index.ts";
import { type Manifest, parseManifest, serializeManifest } from "./manifest.ts";
import { assertNoStrangers } from "./workspace.ts";

const UPLOADS_AT_ONCE = 4;
/** Segments that wait for their upload before the map is held up. */
const WAITING_UPLOADS = 12;
const FOOTERS_AT_ONCE = 32;
const FOOTER_TAIL_BYTES = 32 * 1024;
/** Unless all is known to fit, what is in S3 leaves the disk while less than this share of it is free. */
const FREE_SHARE = 0.5;
/** Time that an interrupted run gets to make safe what is committed, and then to write log and status. */
const LAST_UPLOADS_MS = 20_000;
const LAST_SYNC_MS = 15_000;

const JSON_TYPE = "application/json";

export interface S3StoreOptions {
  settings: BucketSettings;
  clients: S3Clients;
  outputDir: string;
  layout: WorkLayout;
  leaseMs: number;
  syncMs: number;
  log: Logger;
  status: StatusReport;
  /** Told when the run must stop: the lease is lost. */
  stop: (error: ProtonBeamError) => void;
  signal: AbortSignal;
}

/**
 * An archive below a prefix of a bucket. Segments and days are uploaded as they are committed, so that a fresh machine
 * goes on where this one stopped; a lease keeps other machines out.
 */
export function createS3Store(options: S3StoreOptions): ArchiveStore {
  const { settings, clients, outputDir, layout, log, signal } = options;
  const bucket = createBucket(settings, clients);
  const queue = new PQueue({ concurrency: UPLOADS_AT_ONCE });
  const keptRows = new Set<number>();
  let keptPlan: Plan | null = null;
  const logPath = join(outputDir, LOG_FILE);
  let lease: Lease | null = null;
  let manifestEtag: string | null = null;
  let hasArchive = false;
  let failure: unknown = null;
  let timer: Timer | null = null;
  let syncing: Promise<void> | null = null;

  const held = (): Lease => {
    if (lease === null) throw new Error("the store is not open");
    return lease;
  };
  let fits = false;
  const diskIsShort = () => {
    if (fits) return false;
    const { bavail, blocks } = statfsSync(outputDir);
    return bavail < blocks * FREE_SHARE;
  };
  const enqueue = (work: () => Promise<void>): Promise<void> => {
    const done = queue.add(async () => {
      if (failure !== null) throw failure;
      held().assertHeld();
      await work();
    });
    done.catch((error: unknown) => {
      failure ??= error;
    });
    return done;
  };
  const assertNoFailure = () => {
    if (failure !== null) throw failure;
  };

  const sync = async (): Promise<void> => {
    if (existsSync(logPath))
      await bucket.putText(LOG_FILE, readFileSync(logPath, "utf8"), "application/x-ndjson", null);
    await bucket.putText(STATUS_FILE, serializeStatus(options.status()), JSON_TYPE, null);
  };
  /** One sync at a time; one that fails is only logged, since the next one does all it did. */
  const syncNow = async (): Promise<void> => {
    // Log and status are those of the machine that has the lease.
    if (!held().isHeld()) return;
    syncing ??= sync()
      .catch((error: unknown) => log.warn({ err: error }, `sync failed: ${errorMessage(error)}`))
      .finally(() => {
        syncing = null;
      });
    await syncing;
  };

  const listWork = async (prefix: string): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of bucket.list(prefix)) keys.push(key);
    return keys;
  };
  const removeWork = async () => {
    const keys = (await listWork(workKeys.root)).filter((key) => key !== workKeys.lease);
    keptRows.clear();
    keptPlan = null;
    // The plan goes last: while it is there, the rest is not taken for something else.
    await bucket.remove(keys.filter((key) => key !== workKeys.plan));
    await bucket.remove(keys.filter((key) => key === workKeys.plan));
  };
  const readPlan = async () => {
    const stored = await bucket.readText(workKeys.plan);
    return stored === null ? null : parsePlan(stored.text, bucket.url(workKeys.plan));
  };

  const fileKey = (day: number) => (hasArchive ? workKeys.stagedDay(day) : dayFileName(day));
  const uploadFinal = (key: string, path: string, upload: Omit<UploadOptions, "final">) => {
    // A large upload before it may have taken longer than the lease.
    held().assertHeld();
    return bucket.upload(key, path, { ...upload, final: true });
  };

  return {
    place: bucket.url(""),
    bucket: settings,
    existingIndex: layout.existingIndex,
    existingRejects: layout.existingRejects,
    open: async () => {
      if (existsSync(join(outputDir, MANIFEST_FILE)))
        throw new ProtonBeamError(
          `${outputDir} holds an archive. With --s3-output the output directory only holds the work: choose an empty one.`,
          EXIT.usage,
        );
      const wasHere = existsSync(layout.owner);
      if (!wasHere) writeAtomically(layout.owner, (file) => file.write(Buffer.from(randomUUID())));
      lease = await acquireLease({
        bucket,
        key: workKeys.lease,
        owner: readFileSync(layout.owner, "utf8"),
        leaseMs: options.leaseMs,
        signal,
        onWait: (holder) => log.info({ holder }, "waiting for the lease of another machine to expire"),
      });
      lease.lost.addEventListener("abort", () => options.stop(leaseLost(bucket.url(""))));
      const aborted = await bucket.abortUploads(isArchiveKey);
      if (aborted > 0) log.info({ aborted }, "abandoned multipart uploads were aborted");
      await takeUpLog(bucket, logPath);

      const stored = await bucket.readText(MANIFEST_FILE);
      manifestEtag = stored?.etag ?? null;
      const manifest = stored === null ? null : parseManifest(bucket.url(MANIFEST_FILE), stored.text);
      hasArchive = manifest !== null;
      keptPlan = await readPlan();
      // A run that was killed after it wrote the manifest: all it lacked was to tidy up.
      if (keptPlan !== null && manifest !== null && manifest.runs.length > keptPlan.earlierRuns) await removeWork();
      timer = setInterval(syncNow, options.syncMs);
      timer.unref();
      await syncNow();
      return manifest;
    },
    keptPlan: () => keptPlan,
    claim: async (plan, manifest) => {
      const unfinished = keptPlan;
      if (unfinished === null && manifest === null) {
        const names: string[] = [];
        for await (const { key } of bucket.list("", "/")) names.push(key);
        assertNoStrangers(bucket.url(""), names);
      }
      if (manifest !== null) await fetchExisting(bucket, manifest, layout);
      // A run that was killed while publishing may have replaced the index.
      if (unfinished === null && manifest !== null) assertIndexFits(layout.existingIndex, manifest, bucket.url(""));
      if (unfinished !== null && fingerprintOf(unfinished) === fingerprintOf(plan)) {
        for (const key of await listWork(workKeys.days)) if (key.endsWith(".rows")) keptRows.add(dayOfKey(key));
      } else {
        const hasWork = async () =>
          [...(await listWork(workKeys.segments)), ...(await listWork(workKeys.days))].length > 0;
        if (unfinished !== null && (await hasWork()))
          throw new ProtonBeamError(
            `${bucket.url(workKeys.root)} holds an unfinished run that differs from this one: ${describeDifference(unfinished, plan)}.\n` +
              "Repeat the earlier command to finish it, or remove these objects to give it up.",
          );
        held().assertHeld();
        await removeWork();
        await bucket.putText(workKeys.plan, JSON.stringify(plan), JSON_TYPE, null);
        keptPlan = plan;
      }
    },
    fitsOnDisk: (all) => {
      fits = all;
    },
    keptSegments: async function* (fingerprint) {
      let batch: Promise<{ key: string; footer: SegmentFooter | null }>[] = [];
      const drain = async function* () {
        for (const { key, footer } of await Promise.all(batch)) {
          // What does not verify is made and uploaded anew.
          if (footer === null || footer.fingerprint !== fingerprint || workKeys.segment(footer.chunk) !== key) continue;
          yield footer;
        }
        batch = [];
      };
      for await (const { key, size } of bucket.list(workKeys.segments)) {
        batch.push(fetchFooter(bucket, key, size).then((footer) => ({ key, footer })));
        if (batch.length === FOOTERS_AT_ONCE) yield* drain();
      }
      yield* drain();
    },
    keepSegment: async (chunk) => {
      assertNoFailure();
      enqueue(async () => {
        const path = layout.segment(chunk);
        await bucket.upload(workKeys.segment(chunk), path, {
          contentType: "application/octet-stream",
          sha256: null,
          final: false,
        });
        if (diskIsShort()) rmSync(path);
      });
      await queue.onSizeLessThan(WAITING_UPLOADS);
    },
    settle: async () => {
      await queue.onIdle();
      assertNoFailure();
    },
    keptDay: (day) => ({ fileKey: fileKey(day), hasRows: keptRows.has(day) }),
    keepDay: async ({ day, sha256 }, isSafe) => {
      if (isSafe) return;
      await enqueue(async () => {
        const path = join(layout.days, dayFileName(day));
        // The rows first: they say what the daily file must be.
        await bucket.upload(workKeys.dayRows(day), layout.dayRows(day), {
          contentType: "application/octet-stream",
          sha256: null,
          final: false,
        });
        await uploadFinal(fileKey(day), path, { contentType: "application/gzip", sha256 });
        keptRows.add(day);
        if (diskIsShort()) rmSync(path);
      });
    },
    indexed: (day) => {
      if (keptRows.has(day) && diskIsShort()) rmSync(layout.dayRows(day), { force: true });
    },
    publish: async (made, manifest) => {
      const contentTypes: Record<string, string> = {
        [INDEX_FILE]: "application/vnd.sqlite3",
        [REJECTED_FILE]: "application/gzip",
      };
      for (const { path, sha256 } of made) {
        const contentType = contentTypes[path];
        if (contentType !== undefined)
          enqueue(() => uploadFinal(path, join(layout.root, path), { contentType, sha256 }));
        else if (hasArchive)
          enqueue(() => {
            const staged = workKeys.stagedDay(dayOfKey(path));
            return bucket.copy(staged, path, { contentType: "application/gzip", sha256, final: true });
          });
      }
      await queue.onIdle();
      assertNoFailure();
      held().assertHeld();
      const condition = manifestEtag === null ? { absent: true as const } : { etag: manifestEtag };
      const etag = await bucket.putText(MANIFEST_FILE, serializeManifest(manifest), JSON_TYPE, condition);
      if (etag === null) throw leaseLost(bucket.url(""));
      manifestEtag = etag;
      hasArchive = true;
    },
    tidy: removeWork,
    keepReport: async (html) => {
      held().assertHeld();
      await bucket.putText(REPORT_FILE, html, "text/html; charset=utf-8", null);
    },
    close: async (outcome) => {
      if (timer !== null) clearInterval(timer);
      if (lease === null) return;
      // A link that is down must not hold up the end; the lease expires by itself.
      if (outcome === "interrupted") await Promise.race([queue.onIdle(), Bun.sleep(LAST_UPLOADS_MS)]);
      const finish = async () => {
        await syncing;
        await syncNow();
        await held().release();
      };
      await Promise.race([
        finish().catch((error: unknown) => log.warn({ err: error }, "last sync failed")),
        Bun.sleep(LAST_SYNC_MS),
      ]);
    },
  };
}

/** The log goes on with what other machines wrote: what this disk has not of it comes first. */
async function takeUpLog(bucket: Bucket, path: string): Promise<void> {
  const earlier = await bucket.readText(LOG_FILE);
  if (earlier === null || !existsSync(path)) return;
  const own = readFileSync(path, "utf8");
  const known = new Set(own.split("\n"));
  const missing = earlier.text.split("\n").filter((line) => !known.has(line));
  if (missing.length === 0) return;
  // The log is open for appending: its file must stay the same.
  truncateSync(path);
  writeFileSync(path, [...missing, own].join("\n"), { flag: "a" });
}

/** What is needed of an archive to add to it. */
async function fetchExisting(bucket: Bucket, manifest: Manifest, layout: WorkLayout): Promise<void> {
  mkdirSync(layout.root, { recursive: true });
  await bucket.download(INDEX_FILE, layout.existingIndex);
  if (manifest.files.some(({ path }) => path === REJECTED_FILE))
    await bucket.download(REJECTED_FILE, layout.existingRejects);
}

async function fetchFooter(bucket: Bucket, key: string, size: number): Promise<SegmentFooter | null> {
  const read = (length: number) => bucket.read(key, size - length, length);
  const tail = await read(Math.min(size, FOOTER_TAIL_BYTES));
  const length = footerLength(tail, size);
  if (length === 0) return null;
  return decodeFooter(length <= tail.length ? tail.subarray(-length) : await read(length), segmentFooterSchema);
}

function dayOfKey(key: string): number {
  const name = key.slice(key.lastIndexOf("/") + 1);
  const day = parseDayName(name.slice(0, 10));
  if (day === null) throw new Error(`${key} names no day`);
  return day;
}
