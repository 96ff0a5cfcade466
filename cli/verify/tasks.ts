import { openFiles } from "../archive/files.ts";
import type { ArchiveLocation } from "../archive/location.ts";
import { createS3Clients } from "../net/s3.ts";
import type { FileDigest } from "../run/protocol.ts";
import type { TaskOf } from "../threads/pool.ts";
import { checkDay, compareDigest } from "./check-day.ts";
import { checkIndex, checkTotals } from "./check-index.ts";
import { checkRejects } from "./check-rejects.ts";
import { createFindings, type Findings } from "./findings.ts";
import { createJudge, type Judge } from "./judge.ts";
import type { VerifyTasks } from "./protocol.ts";
import { hashing } from "./slices.ts";

/** What a thread does with a task. */
export function createVerifyRunner() {
  const clients = createS3Clients();
  // The rules are the same for all days of a check.
  let judge: Promise<Judge> | null = null;

  return async (task: TaskOf<VerifyTasks>) => {
    switch (task.type) {
      case "day":
        judge ??= createJudge(task.rules);
        return checkDay(task.job, openFiles(task.location, clients), await judge);
      case "rejects":
        return checkRejects(task.job, openFiles(task.location, clients));
      case "other":
        return checkOther(task.location, task.path, task.recorded);
      case "index":
        return checkIndex(task.job);
      case "totals":
        return checkTotals(task.job);
    }
  };

  async function checkOther(location: ArchiveLocation, path: string, recorded: FileDigest): Promise<Findings> {
    const findings = createFindings();
    const files = openFiles(location, clients);
    const size = (await files.stat(path))?.size ?? 0;
    const { stream, sha256 } = hashing(files.stream(path, 0, size));
    for await (const _ of stream);
    compareDigest(path, { size, sha256: sha256() }, recorded, findings);
    const { problems, more, notes } = findings;
    return { problems, more, notes };
  }
}
