import { z } from "zod";
import { readFooter, sectionSchema, verifySection } from "../store/container.ts";
import { countsSchema } from "./counts.ts";

/** A chunk's events of one UTC day, sorted by (created_at, id): delimited ProtoEvents. */
const runSchema = sectionSchema.extend({ day: z.number().int(), events: z.number().int() });
export type Run = z.infer<typeof runSchema>;

/** The footer of a segment: all that later steps and a resumed run need to know of a chunk. */
export const segmentFooterSchema = z.object({
  fingerprint: z.string(),
  chunk: z.number().int(),
  /** For a chunk of a stream: the hash of its bytes, since a stream has no other identity. */
  contentHash: z.string().nullable(),
  counts: countsSchema,
  runs: z.array(runSchema),
  /** The records for `rejected.jsonl.gz`, as delimited text. */
  rejects: sectionSchema,
});
export type SegmentFooter = z.infer<typeof segmentFooterSchema>;

/** The footer of the segment at `path` if it belongs to this plan and chunk and all its bytes verify, else null. */
export function readSegment(path: string, fingerprint: string, chunk: number): SegmentFooter | null {
  const footer = readFooter(path, segmentFooterSchema);
  if (footer === null || footer.fingerprint !== fingerprint || footer.chunk !== chunk) return null;
  return [...footer.runs, footer.rejects].every((section) => verifySection(path, section)) ? footer : null;
}
