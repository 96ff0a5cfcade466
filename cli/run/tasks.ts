import { existsSync, rmSync } from "node:fs";
import { EXIT, ProtonBeamError } from "../errors.ts";
import { createSignatureCheck } from "../event/signature/check.ts";
import { selectVerifier } from "../event/signature/select.ts";
import type { SignatureCheck } from "../event/signature/verifier.ts";
import { createIndexBuilder, type IndexBuilder } from "../index/build.ts";
import { createS3Clients } from "../net/s3.ts";
import { readDayRecord, readRows } from "../reduce/day-rows.ts";
import { scanDay } from "../reduce/scan-day.ts";
import { createMapMemory, type MapChunk, type MapMemory, mapChunk } from "../segment/map.ts";
import { writeRejects } from "../segment/rejects.ts";
import { readSegment, type SegmentFooter } from "../segment/segment.ts";
import { readChunk } from "../source/read.ts";
import { STDIN } from "../source/stdin.ts";
import { TEMPORARY_SUFFIX } from "../store/atomic.ts";
import { readBlocks } from "../store/blocks.ts";
import { type Bucket, type BucketSettings, createBucket } from "../store/bucket.ts";
import { sha256OfFile } from "../store/checksum.ts";
import { fetchSections } from "../store/fetch.ts";
import type { ChunkBytes, FileDigest, Result, Task } from "./protocol.ts";
import { reduceTask } from "./reduce-task.ts";

/** Does the tasks of one worker. Between them it keeps the signature check, memory, and an index that is being built. */
export function createTaskRunner(): (task: Task) => Promise<Result> {
  const clients = createS3Clients();
  let signatures: SignatureCheck | null = null;
  let memory: MapMemory | null = null;
  let index: IndexBuilder | null = null;
  let indexPath = "";

  const openedIndex = (): IndexBuilder => {
    if (index === null) throw new Error("no index was opened");
    return index;
  };

  const bucketOf = (settings: BucketSettings | null): Bucket | null =>
    settings === null ? null : createBucket(settings, clients);

  const map = async ({ job, bytes }: Task<"map">): Promise<Result<"map">> => {
    const contentHash = bytes.from === "spool" ? sha256OfFile(bytes.path) : null;
    if (bytes.from === "spool" && bytes.knownHash !== null) {
      if (bytes.knownHash !== contentHash) throw changedStream(job.source, job.range.start);
      rmSync(bytes.path);
      return { footer: null, reused: true };
    }
    const existing = readSegment(job.segmentPath, job.fingerprint, job.chunk);
    if (existing !== null && existing.contentHash !== contentHash) throw changedStream(job.source, job.range.start);
    const footer = existing ?? (await makeSegment(job, bytes, contentHash));
    if (bytes.from === "spool") rmSync(bytes.path);
    return { footer, reused: existing !== null };
  };

  const makeSegment = async (job: MapChunk, bytes: ChunkBytes, contentHash: string | null): Promise<SegmentFooter> => {
    if (job.options.validateSignatures) signatures ??= createSignatureCheck(await selectVerifier());
    memory ??= createMapMemory();
    const blocks = bytes.from === "source" ? readChunk(bytes.source, job.range, clients) : readBlocks(bytes.path);
    return mapChunk(job, blocks, contentHash, job.options.validateSignatures ? signatures : null, memory);
  };

  const addToIndex = async ({ day, bucket }: Task<"index-day">): Promise<null> => {
    if (day.from === "index") {
      openedIndex().copyDay(day.path);
      return null;
    }
    if (bucket !== null && !existsSync(day.rowsPath))
      await createBucket(bucket, clients).download(day.rowsKey, day.rowsPath);
    const record = readDayRecord(day.rowsPath, day.fingerprint);
    if (record === null) throw new Error(`${day.rowsPath} is gone`);
    openedIndex().addDay(day.path, day.indexedAt, record.members, readRows(day.rowsPath, record.rows));
    return null;
  };

  const rejects = async (task: Task<"rejects">): Promise<FileDigest> => {
    const scratch = task.path + TEMPORARY_SUFFIX.repeat(2);
    try {
      writeRejects(task.path, task.existing, await fetchSections(task.sections, bucketOf(task.bucket), scratch));
    } finally {
      rmSync(scratch, { force: true });
    }
    return digestOf(task.path);
  };

  return async (task): Promise<Result> => {
    switch (task.type) {
      case "map":
        return map(task);
      case "reduce":
        return reduceTask(task, bucketOf(task.bucket), clients);
      case "index-open":
        index = createIndexBuilder(task.path, task.tags, task.base);
        indexPath = task.path;
        return null;
      case "index-day":
        return addToIndex(task);
      case "scan":
        return scanDay(task.job, clients);
      case "index-finish":
        openedIndex().finish();
        index = null;
        return digestOf(indexPath);
      case "rejects":
        return rejects(task);
    }
  };
}

function digestOf(path: string): FileDigest {
  return { size: Bun.file(path).size, sha256: sha256OfFile(path) };
}

function changedStream(name: string, offset: number): ProtonBeamError {
  const what = name === STDIN ? "standard input" : name;
  return new ProtonBeamError(
    `${what} differs from that of the unfinished run in the chunk at byte ${offset}. ` +
      "Give the same bytes to go on, or remove the .proton-beam folder of the output to start anew.",
    EXIT.failed,
  );
}
