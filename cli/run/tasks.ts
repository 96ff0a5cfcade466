import { existsSync, rmSync } from "node:fs";
import { EXIT, ProtonBeamError } from "../errors.ts";
import { createSignatureCheck } from "../event/signature/check.ts";
import { selectVerifier } from "../event/signature/select.ts";
import { createIndexBuilder, type IndexBuilder } from "../index/build.ts";
import { openIndex } from "../index/read.ts";
import { createS3Clients } from "../net/s3.ts";
import { type DayRecord, type DaySummary, readDayRecord, readRows } from "../reduce/day-rows.ts";
import { reduceDay } from "../reduce/reduce.ts";
import { type Arena, createArena } from "../segment/arena.ts";
import { type MapChunk, mapChunk, type SignatureCheck } from "../segment/map.ts";
import { writeRejects } from "../segment/rejects.ts";
import { readSegment, type SegmentFooter } from "../segment/segment.ts";
import { readChunk } from "../source/read.ts";
import { STDIN } from "../source/stdin.ts";
import { TEMPORARY_SUFFIX } from "../store/atomic.ts";
import { readBlocks } from "../store/blocks.ts";
import { type Bucket, type BucketSettings, createBucket } from "../store/bucket.ts";
import { sha256OfFile } from "../store/checksum.ts";
import { verifySection } from "../store/container.ts";
import { fetchSections } from "../store/fetch.ts";
import type { ChunkBytes, DayOrigin, DayPlaces, FileDigest, Result, Task } from "./protocol.ts";

/** Does the tasks of one worker. Between them it keeps the signature check, memory, and an index that is being built. */
export function createTaskRunner(): (task: Task) => Promise<Result> {
  const clients = createS3Clients();
  let signatureCheck: SignatureCheck | null = null;
  let arena: Arena | undefined;
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
    if (job.options.validateSignatures) signatureCheck ??= createSignatureCheck(await selectVerifier());
    arena ??= createArena();
    const blocks = bytes.from === "source" ? readChunk(bytes.source, job.range, clients) : readBlocks(bytes.path);
    return mapChunk(job, blocks, contentHash, job.options.validateSignatures ? signatureCheck : null, arena);
  };

  const reduce = async (task: Task<"reduce">): Promise<Result<"reduce">> => {
    const { job, places } = task;
    const bucket = bucketOf(task.bucket);
    if (bucket !== null && places.rowsKey !== null && readDayRecord(job.rowsPath, job.fingerprint) === null)
      await bucket.download(places.rowsKey, job.rowsPath);
    const ready = readDayRecord(job.rowsPath, job.fingerprint);
    const origin = ready === null ? "made" : await findDay(ready, job.rowsPath, job.filePath, places, bucket);
    if (ready !== null && origin !== "made") return { record: summaryOf(ready), origin };

    const scratch = `${job.rowsPath}.runs${TEMPORARY_SUFFIX}`;
    const existingScratch = `${job.rowsPath}.existing${TEMPORARY_SUFFIX}`;
    try {
      const runs = await fetchSections(job.runs, bucket, scratch);
      let { existing } = job;
      if (bucket !== null && existing !== null && places.existingKey !== null) {
        await bucket.download(places.existingKey, existingScratch);
        existing = { ...existing, path: existingScratch };
      }
      return { record: summaryOf(reduceDay({ ...job, runs, existing })), origin: "made" };
    } finally {
      for (const path of [scratch, existingScratch]) rmSync(path, { force: true });
    }
  };

  const addToIndex = async ({ day, fingerprint, bucket }: Task<"index-day">): Promise<null> => {
    if (day.from === "index") {
      const reader = openIndex(day.indexPath);
      try {
        openedIndex().copyDay(day.path, day.day, reader);
      } finally {
        reader.close();
      }
      return null;
    }
    if (bucket !== null && !existsSync(day.rowsPath))
      await createBucket(bucket, clients).download(day.rowsKey, day.rowsPath);
    const record = readDayRecord(day.rowsPath, fingerprint);
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
        return reduce(task);
      case "index-open":
        index = createIndexBuilder(task.path);
        indexPath = task.path;
        return null;
      case "index-day":
        return addToIndex(task);
      case "index-finish":
        openedIndex().finish();
        index = null;
        return digestOf(indexPath);
      case "rejects":
        return rejects(task);
    }
  };
}

/** Where the daily file is that a record describes: on this disk, staged or published, or in S3. */
async function findDay(
  record: DayRecord,
  rowsPath: string,
  filePath: string,
  { publishedPath, fileKey }: DayPlaces,
  bucket: Bucket | null,
): Promise<DayOrigin> {
  if (!verifySection(rowsPath, record.rows)) return "made";
  const isDay = (path: string) =>
    existsSync(path) && Bun.file(path).size === record.size && sha256OfFile(path) === record.sha256;
  if (bucket !== null) {
    const stored = await bucket.head(fileKey);
    if (stored?.size === record.size && stored.sha256 === record.sha256) return "kept";
    return isDay(filePath) ? "here" : "made";
  }
  return isDay(filePath) || isDay(publishedPath) ? "here" : "made";
}

function summaryOf({ members: _members, rows: _rows, ...summary }: DayRecord): DaySummary {
  return summary;
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
