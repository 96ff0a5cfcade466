import { type ArchiveFiles, openFiles } from "../archive/files.ts";
import type { ArchiveLocation } from "../archive/location.ts";
import { createS3Clients } from "../net/s3.ts";
import { serveTasks } from "../threads/serve.ts";
import { type Batch, type BatchResult, readBatch } from "./batch.ts";
import type { ContentFilter } from "./matcher.ts";
import { createMemberStore, type MemberStore } from "./members.ts";

/** What query threads do. */
export type QueryTasks = {
  read: { task: { location: ArchiveLocation; filters: ContentFilter[]; batch: Batch }; result: BatchResult };
};

/** Neighbouring batches may share members. */
const CACHE_BYTES = 8 * 1024 ** 2;

if (!Bun.isMainThread) {
  let opened: { files: ArchiveFiles; store: MemberStore } | null = null;
  serveTasks(({ location, filters, batch }: QueryTasks["read"]["task"]) => {
    if (opened === null) {
      const files = openFiles(location, createS3Clients());
      opened = { files, store: createMemberStore(files, CACHE_BYTES) };
    }
    return readBatch(batch, filters, opened.files, opened.store);
  });
}
