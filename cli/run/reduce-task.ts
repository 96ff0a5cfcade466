import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readDayParts } from "../archive/day-stream.ts";
import { openFiles } from "../archive/files.ts";
import type { S3Clients } from "../net/s3.ts";
import { type DayRecord, type DaySummary, readDayRecord } from "../reduce/day-rows.ts";
import { UnsortedError } from "../reduce/merge.ts";
import { type ExistingDay, type RunSource, reduceDay } from "../reduce/reduce.ts";
import { TEMPORARY_SUFFIX } from "../store/atomic.ts";
import { type Bucket, createBucket } from "../store/bucket.ts";
import { sha256OfFile } from "../store/checksum.ts";
import { verifySection } from "../store/container.ts";
import { fetchSections } from "../store/fetch.ts";
import type { DayCopy, DayOrigin, DayPlaces, Result, Task } from "./protocol.ts";

/**
 * Makes a day, unless an earlier run has.
 * @param bucket where the work is kept in S3, or null
 */
export async function reduceTask(
  { job, existing, places }: Task<"reduce">,
  bucket: Bucket | null,
  clients: S3Clients,
): Promise<Result<"reduce">> {
  if (bucket !== null && places.rowsKey !== null && readDayRecord(job.rowsPath, job.fingerprint) === null)
    await bucket.download(places.rowsKey, job.rowsPath);
  const ready = readDayRecord(job.rowsPath, job.fingerprint);
  const origin = ready === null ? "made" : await findDay(ready, job.rowsPath, job.filePath, places, bucket);
  if (ready !== null && origin !== "made") return { record: summaryOf(ready), origin };

  const scratch: string[] = [];
  const scratchPath = (name: string) => {
    const path = `${job.rowsPath}.${name}${TEMPORARY_SUFFIX}`;
    scratch.push(path);
    return path;
  };
  try {
    const stored = await fetchSections(job.runs, bucket, scratchPath("runs"));
    const make = async (sortAll: boolean) => {
      const files: ExistingDay[] = [];
      const runs: RunSource[] = [...stored];
      for (const [i, copy] of existing.entries()) {
        if (copy.members === null || sortAll) {
          // Rarely wanted: its decoder would be loaded in each thread.
          const { sortRecords } = await import("../reduce/sort-records.ts");
          runs.push(...(await sortRecords(recordsOf(copy, clients), job.day, scratchPath(`sorted${i}`))));
        } else {
          const path = await fetchCopy(copy, scratchPath(`copy${i}`), clients);
          files.push({ path, members: copy.members, role: copy.role });
        }
      }
      return reduceDay({ ...job, runs, existing: files });
    };
    const record = await make(false).catch((error: unknown) => {
      if (error instanceof UnsortedError && existing.every(({ role }) => role === "joined")) return make(true);
      throw error;
    });
    return { record: summaryOf(record), origin: "made" };
  } finally {
    for (const path of scratch) rmSync(path, { force: true });
  }
}

/** @returns the path of the file on this disk */
async function fetchCopy({ location, path }: DayCopy, scratchPath: string, clients: S3Clients): Promise<string> {
  if (location.kind === "local") return join(location.folder, path);
  await createBucket(location.settings, clients).download(path, scratchPath);
  return scratchPath;
}

async function* recordsOf({ location, path }: DayCopy, clients: S3Clients): AsyncGenerator<Buffer> {
  const files = openFiles(location, clients);
  const size = (await files.stat(path))?.size ?? 0;
  for await (const part of readDayParts(files.place(path), files.stream(path, 0, size)))
    if ("block" in part) yield part.block.records;
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
