import { isUtf8 } from "node:buffer";
import type { RejectReason } from "../event/reject.ts";
import { writeAtomically } from "../store/atomic.ts";
import { readBlocks } from "../store/blocks.ts";
import { readFrames, type Section } from "../store/container.ts";

/**
 * One line of `rejected.jsonl.gz` for a line that was not converted: where it was, why, and the line itself, as text or,
 * when it is not UTF-8, as base64. A line over the limit is given by its first KiB, with `"truncated": true`.
 */
export function rejectRecord(source: string, offset: number, reason: RejectReason, line: Buffer): Buffer {
  const truncated = reason === "line-too-long" ? { truncated: true } : {};
  const text = isUtf8(line) ? { line: line.toString("utf8") } : { line_base64: line.toString("base64") };
  return Buffer.from(`${JSON.stringify({ source, offset, reason, ...text, ...truncated })}\n`);
}

/** A file of earlier runs: its first `size` bytes. */
export interface ExistingRejects {
  path: string;
  size: number;
}

/**
 * Writes `rejected.jsonl.gz`: what archives already have of it, then the records of the segments in their order.
 * @throws {Error} when a segment cannot be read
 */
export function writeRejects(
  path: string,
  existing: ExistingRejects[],
  sections: { path: string; section: Section }[],
): void {
  writeAtomically(path, (file) => {
    let written = 0;
    const put = (bytes: Uint8Array) => {
      file.write(bytes);
      written += bytes.length;
    };
    for (const { path, size } of existing) for (const block of readBlocks(path, size)) put(block);
    for (const stored of sections) for (const frame of readFrames(stored.path, stored.section)) put(gzip(frame));
    if (written === 0) put(gzip(Buffer.alloc(0)));
  });
}

function gzip(bytes: Buffer): Uint8Array {
  return Bun.gzipSync(new Uint8Array(bytes), { level: 6, library: "libdeflate" });
}
