import { isUtf8 } from "node:buffer";
import type { RejectReason } from "../event/reject.ts";

/**
 * One line of `rejected.jsonl.gz` for a line that was not converted: where it was, why, and the line itself, as text or,
 * when it is not UTF-8, as base64. A line over the limit is given by its first KiB, with `"truncated": true`.
 */
export function rejectRecord(source: string, offset: number, reason: RejectReason, line: Buffer): Buffer {
  const truncated = reason === "line-too-long" ? { truncated: true } : {};
  const text = isUtf8(line) ? { line: line.toString("utf8") } : { line_base64: line.toString("base64") };
  return Buffer.from(`${JSON.stringify({ source, offset, reason, ...text, ...truncated })}\n`);
}
