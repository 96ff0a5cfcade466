import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { z } from "zod";
import { EXIT, interruption, ProtonBeamError } from "../errors.ts";
import type { Bucket, WriteCondition } from "./bucket.ts";

const leaseSchema = z.object({
  /** The machine's disk: a process that starts on it knows that the one before is dead. */
  owner: z.string(),
  host: z.string(),
  pid: z.number(),
  /** Different in every write, so that the ETag is. */
  renewal: z.string(),
  leaseMs: z.number(),
});
type LeaseRecord = z.infer<typeof leaseSchema>;

/**
 * The right to write below a prefix: an object that its holder renews by conditional writes (S3 User Guide,
 * "Conditional writes"). Who sees it unchanged for the time of the lease, by its own clock, may take it over.
 */
export interface Lease {
  /** Aborted when another machine took the lease. */
  lost: AbortSignal;
  isHeld(): boolean;
  /** Call before each write of a finished output. @throws {ProtonBeamError} when the lease may have passed to another machine */
  assertHeld(): void;
  release(): Promise<void>;
}

/** Where the lease is and who asks for it. */
export interface LeaseRequest {
  bucket: Bucket;
  key: string;
  owner: string;
  leaseMs: number;
  signal: AbortSignal;
  onWait: (holder: string) => void;
}

/**
 * Waits until the lease is free, its holder's disk is this one, or its holder gave no sign of life for its time.
 * @throws {ProtonBeamError} resumable, when the holder is alive
 */
export async function acquireLease(request: LeaseRequest): Promise<Lease> {
  const { bucket, key, owner, leaseMs, signal } = request;
  let seen: { etag: string; since: number } | null = null;
  while (!signal.aborted) {
    const current = await bucket.readText(key);
    const record = current === null ? null : readRecord(current.text);
    let condition: WriteCondition | null = null;
    if (current === null) condition = { absent: true };
    else if (record === null || record.owner === owner) condition = { etag: current.etag };
    else if (seen === null) {
      seen = { etag: current.etag, since: Date.now() };
      request.onWait(record.host);
    } else if (seen.etag !== current.etag) throw heldByAnother(bucket.url(""), record);
    else if (Date.now() - seen.since > record.leaseMs) condition = { etag: current.etag };
    if (condition !== null) {
      const before = Date.now();
      const etag = await writeRecord(bucket, key, owner, leaseMs, condition);
      if (etag !== null) return holdLease(request, etag, before);
      continue;
    }
    await Bun.sleep(Math.min(1000, leaseMs / 4));
  }
  throw interruption();
}

function holdLease({ bucket, key, owner, leaseMs }: LeaseRequest, firstEtag: string, firstRenewed: number): Lease {
  const lost = new AbortController();
  let etag = firstEtag;
  let renewed = firstRenewed;
  let renewing: Promise<void> | null = null;
  let isReleased = false;

  const renew = async () => {
    const before = Date.now();
    const next = await writeRecord(bucket, key, owner, leaseMs, { etag });
    if (next === null) {
      lost.abort();
      return;
    }
    etag = next;
    renewed = before;
  };
  const timer = setInterval(() => {
    // A renewal that fails for good is seen by its age.
    renewing ??= renew()
      .catch(() => {})
      .finally(() => {
        renewing = null;
      });
  }, leaseMs / 3);
  timer.unref();
  lost.signal.addEventListener("abort", () => clearInterval(timer));

  const isHeld = () => !isReleased && !lost.signal.aborted && Date.now() - renewed < leaseMs;
  return {
    lost: lost.signal,
    isHeld,
    assertHeld: () => {
      if (!isHeld()) throw leaseLost(bucket.url(""));
    },
    release: async () => {
      clearInterval(timer);
      await renewing;
      const wasHeld = isHeld();
      // What is still under way must not write under the lease of the next holder.
      isReleased = true;
      if (wasHeld) await bucket.remove([key]);
    },
  };
}

/** Who holds the lease, or held it last without letting go; null when nobody does. */
export async function leaseHolder(bucket: Bucket, key: string): Promise<{ host: string; pid: number } | null> {
  const stored = await bucket.readText(key);
  const record = stored === null ? null : readRecord(stored.text);
  return record === null ? null : { host: record.host, pid: record.pid };
}

/** The error of a run whose lease passed to another machine. */
export function leaseLost(url: string): ProtonBeamError {
  return new ProtonBeamError(
    `the lease on ${url} was lost: this machine could not renew it in time, and another one may be at work there. ` +
      "What was committed is kept; run the same command again once the other one is done or gone.",
    EXIT.resumable,
  );
}

function heldByAnother(url: string, { host, pid }: LeaseRecord): ProtonBeamError {
  return new ProtonBeamError(
    `another proton-beam is at work on ${url}: process ${pid} on ${host}. Wait for it, or stop it and run the same command again.`,
    EXIT.resumable,
  );
}

function writeRecord(bucket: Bucket, key: string, owner: string, leaseMs: number, condition: WriteCondition) {
  const record: LeaseRecord = { owner, host: hostname(), pid: process.pid, renewal: randomUUID(), leaseMs };
  return bucket.putText(key, JSON.stringify(record), "application/json", condition);
}

function readRecord(text: string): LeaseRecord | null {
  try {
    return leaseSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
