import { existsSync, rmSync } from "node:fs";
import { EXIT, ProtonBeamError } from "../errors.ts";
import { createSignatureCheck } from "../event/signature/check.ts";
import { selectVerifier } from "../event/signature/select.ts";
import { createIndexBuilder, type IndexBuilder } from "../index/build.ts";
import { openIndex } from "../index/read.ts";
import { type DayRecord, readDayRecord, readRows } from "../reduce/day-rows.ts";
import { reduceDay } from "../reduce/reduce.ts";
import { type Arena, createArena } from "../segment/arena.ts";
import { type MapChunk, mapChunk, type SignatureCheck } from "../segment/map.ts";
import { writeRejects } from "../segment/rejects.ts";
import { readSegment, type SegmentFooter } from "../segment/segment.ts";
import { readFile } from "../source/file.ts";
import { scanFrom } from "../source/lines.ts";
import { readBlocks } from "../store/blocks.ts";
import { sha256OfFile } from "../store/checksum.ts";
import { verifySection } from "../store/container.ts";
import type { ChunkBytes, FileDigest, Result, Results, Task } from "./protocol.ts";

/** Does the tasks of one worker. Between them it keeps the signature check, memory, and an index that is being built. */
export function createTaskRunner(): (task: Task) => Promise<Results[Task["type"]]> {
  let signatureCheck: SignatureCheck | null = null;
  let arena: Arena | undefined;
  let index: IndexBuilder | null = null;
  let indexPath = "";

  const openedIndex = (): IndexBuilder => {
    if (index === null) throw new Error("no index was opened");
    return index;
  };

  const map = async ({ job, bytes }: Task & { type: "map" }): Promise<Results["map"]> => {
    const contentHash = bytes.from === "spool" ? sha256OfFile(bytes.path) : null;
    const existing = readSegment(job.segmentPath, job.fingerprint, job.chunk);
    if (existing !== null && existing.contentHash !== contentHash) throw changedStream(job.range.start);
    const footer = existing ?? (await makeSegment(job, bytes, contentHash));
    if (bytes.from === "spool") rmSync(bytes.path);
    return { footer, reused: existing !== null };
  };

  const makeSegment = async (job: MapChunk, bytes: ChunkBytes, contentHash: string | null): Promise<SegmentFooter> => {
    if (job.options.validateSignatures) signatureCheck ??= createSignatureCheck(await selectVerifier());
    arena ??= createArena();
    const blocks = bytes.from === "file" ? readFile(bytes.input, scanFrom(job.range)) : readBlocks(bytes.path);
    return mapChunk(job, blocks, contentHash, job.options.validateSignatures ? signatureCheck : null, arena);
  };

  const reduce = ({ job, publishedPath }: Task & { type: "reduce" }): Results["reduce"] => {
    const ready = readDayRecord(job.rowsPath, job.fingerprint);
    const reused = ready !== null && isReduced(ready, job.rowsPath, [job.filePath, publishedPath]);
    const { members: _members, rows: _rows, ...record } = reused ? ready : reduceDay(job);
    return { record, reused };
  };

  const addToIndex = ({ day, fingerprint }: Task & { type: "index-day" }): null => {
    if (day.from === "index") {
      const reader = openIndex(day.indexPath);
      try {
        openedIndex().copyDay(day.path, day.day, reader);
      } finally {
        reader.close();
      }
      return null;
    }
    const record = readDayRecord(day.rowsPath, fingerprint);
    if (record === null) throw new Error(`${day.rowsPath} is gone`);
    openedIndex().addDay(day.path, day.indexedAt, record.members, readRows(day.rowsPath, record.rows));
    return null;
  };

  return async (task): Promise<Result<Task>> => {
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
        writeRejects(task.path, task.existing, task.segmentPaths);
        return digestOf(task.path);
    }
  };
}

/** Whether the day's file, staged or published, is the one its record describes. */
function isReduced(record: DayRecord, rowsPath: string, filePaths: string[]): boolean {
  if (!verifySection(rowsPath, record.rows)) return false;
  return filePaths.some((path) => {
    if (!existsSync(path)) return false;
    return Bun.file(path).size === record.size && sha256OfFile(path) === record.sha256;
  });
}

function digestOf(path: string): FileDigest {
  return { size: Bun.file(path).size, sha256: sha256OfFile(path) };
}

function changedStream(offset: number): ProtonBeamError {
  return new ProtonBeamError(
    `standard input differs from that of the unfinished run in the chunk at byte ${offset}. ` +
      "Pipe in the same bytes to go on, or remove the .proton-beam folder of the output directory to start anew.",
    EXIT.failed,
  );
}
