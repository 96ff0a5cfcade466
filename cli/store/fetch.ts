import { closeSync, existsSync, openSync } from "node:fs";
import { crc32 } from "node:zlib";
import { EXIT, ProtonBeamError } from "../errors.ts";
import { writeAll } from "./blocks.ts";
import type { Bucket } from "./bucket.ts";
import type { Section } from "./container.ts";

const AT_ONCE = 16;
const BYTES_AT_ONCE = 32 * 1024 ** 2;

/** A section of a container that is on this disk, or else in S3. */
export interface StoredSection {
  path: string;
  /** Of the same container in S3. */
  key: string;
  section: Section;
}

/**
 * Makes sections readable on this disk: those of containers that are not here are fetched into `scratchPath`.
 * Memory is bounded by 32 MiB or the largest section.
 * @throws {ProtonBeamError} resumable, when a container in S3 is damaged; it is removed, so that the next run makes it anew
 */
export async function fetchSections<T extends StoredSection>(
  sections: T[],
  bucket: Bucket | null,
  scratchPath: string,
): Promise<T[]> {
  const missing = bucket === null ? [] : sections.filter(({ path }) => !existsSync(path));
  if (bucket === null || missing.length === 0) return sections;
  const fetched = new Map<T, T>();
  const scratch = openSync(scratchPath, "w");
  let offset = 0;
  try {
    for (const batch of inBatches(missing)) {
      const parts = await Promise.all(
        batch.map(({ key, section }) => bucket.read(key, section.offset, section.length)),
      );
      for (const [i, bytes] of parts.entries()) {
        if (crc32(bytes) !== batch[i].section.crc) throw await discard(bucket, batch[i].key);
        writeAll(scratch, bytes);
        fetched.set(batch[i], { ...batch[i], path: scratchPath, section: { ...batch[i].section, offset } });
        offset += bytes.length;
      }
    }
  } finally {
    closeSync(scratch);
  }
  return sections.map((section) => fetched.get(section) ?? section);
}

async function discard(bucket: Bucket, key: string): Promise<ProtonBeamError> {
  await bucket.remove([key]);
  return new ProtonBeamError(
    `${bucket.url(key)} was damaged and has been removed. Run the same command again: it makes it anew.`,
    EXIT.resumable,
  );
}

function* inBatches<T extends StoredSection>(sections: T[]): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const stored of sections) {
    if (batch.length > 0 && (batch.length === AT_ONCE || bytes + stored.section.length > BYTES_AT_ONCE)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(stored);
    bytes += stored.section.length;
  }
  if (batch.length > 0) yield batch;
}
