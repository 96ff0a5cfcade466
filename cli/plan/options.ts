import { z } from "zod";

const kindRange = z.tuple([z.number().int(), z.number().int()]);

/** The options of `convert` that alter what comes out. They are part of the plan's fingerprint and of the manifest. */
export const convertOptionsSchema = z.object({
  validateSignatures: z.boolean().default(false),
  validateEventIds: z.boolean().default(true),
  /** Reject kinds outside 0..65535. */
  filterInvalidKinds: z.boolean().default(true),
  /** Keep only these kinds: ranges, both ends included. Null keeps all. */
  kinds: z.array(kindRange).nullable().default(null),
  /** Keep events from this Unix time on, seconds. */
  since: z.number().int().nullable().default(null),
  /** Keep events up to and including this Unix time, seconds. */
  until: z.number().int().nullable().default(null),
  /** gzip level of libdeflate. */
  compressionLevel: z.literal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).default(6),
  /** The most that is converted as one piece. */
  chunkBytes: z
    .number()
    .int()
    .min(1)
    .default(64 * 1024 ** 2),
  maxLineBytes: z
    .number()
    .int()
    .min(1024)
    .default(32 * 1024 ** 2),
});
export type ConvertOptions = z.infer<typeof convertOptionsSchema>;
