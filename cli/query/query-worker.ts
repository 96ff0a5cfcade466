import { type ArchiveFiles, openFiles } from "../archive/files.ts";
import type { ArchiveLocation } from "../archive/location.ts";
import { createS3Clients } from "../net/s3.ts";
import type { TaskOf } from "../threads/pool.ts";
import { serveTasks } from "../threads/serve.ts";
import { type Batch, type BatchResult, cutBatches, joinResults, readBatch } from "./batch.ts";
import type { Filter } from "./filter.ts";
import { type Lookup, type Order, openLookup } from "./lookup.ts";
import type { ContentFilter } from "./matcher.ts";
import { createMemberStore, type MemberStore } from "./members.ts";

/** What query threads do. */
export type QueryTasks = {
  /** Reads candidates that were found. */
  read: { task: { location: ArchiveLocation; filters: ContentFilter[]; batch: Batch }; result: BatchResult };
  /** Finds candidates too, in a slice of about `bytes`. */
  search: {
    task: { location: ArchiveLocation; indexPath: string; filters: Filter[]; order: Order; bytes: number };
    result: BatchResult;
  };
};

/** Neighbouring batches may share members. */
const CACHE_BYTES = 8 * 1024 ** 2;

/** What a thread keeps open between its tasks, which are all of one archive. */
interface Opened {
  files: ArchiveFiles;
  store: MemberStore;
}

if (!Bun.isMainThread) {
  let opened: Opened | null = null;
  let lookup: Lookup | null = null;
  serveTasks(async (task: TaskOf<QueryTasks>) => {
    opened ??= open(task.location);
    if (task.type === "read") return readBatch(task.batch, task.filters, opened.files, opened.store);
    lookup ??= openLookup(task.indexPath);
    return search(task, lookup, opened);
  });
}

function open(location: ArchiveLocation): Opened {
  const files = openFiles(location, createS3Clients());
  return { files, store: createMemberStore(files, CACHE_BYTES) };
}

async function search(
  { filters, order, bytes }: QueryTasks["search"]["task"],
  lookup: Lookup,
  { files, store }: Opened,
): Promise<BatchResult> {
  const left = filters.map(({ limit }) => limit ?? Number.POSITIVE_INFINITY);
  const results: BatchResult[] = [];
  for (const batch of cutBatches(filters, lookup, order)) {
    if (batch === null) continue;
    const result = await readBatch(batch, filters, files, store);
    results.push(result);
    for (const matched of result.filters) for (const filter of matched) left[filter]--;
    if (left.every((n) => n <= 0)) break;
  }
  return { ...joinResults(results), bytes };
}
