import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { contentSize, type Input, inputSchema } from "../source/inputs.ts";
import type { ByteRange } from "../source/lines.ts";
import { type ConvertOptions, convertOptionsSchema } from "./options.ts";

/** Raised when the bytes of segments or daily files change for the same input and options. */
const FORMAT_VERSION = 1;

/** What a run converts and how. Depends on the inputs and options only, never on workers or machines. */
export const planSchema = z.object({
  format: z.literal(FORMAT_VERSION),
  inputs: z.array(inputSchema),
  options: convertOptionsSchema,
  /** Conversions that the archive had before this one. */
  earlierRuns: z.number().int(),
});
export type Plan = z.infer<typeof planSchema>;

export function makePlan(inputs: Input[], options: ConvertOptions, earlierRuns: number): Plan {
  return { format: FORMAT_VERSION, inputs, options, earlierRuns };
}

/** SHA-256 of the plan in hex: equal for equal work. */
export function fingerprintOf(plan: Plan): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(planSchema.parse(plan))).digest("hex");
}

/** The byte ranges of an input of known size. */
export function* chunkRanges(size: number, chunkBytes: number): Generator<ByteRange> {
  for (let start = 0; start < size; start += chunkBytes) yield { start, end: Math.min(start + chunkBytes, size) };
}

/** Chunks of all inputs, or null when one is a stream. */
export function countChunks(plan: Plan): number | null {
  return sumOrNull(plan.inputs.map((input) => chunksOf(contentSize(input), plan.options.chunkBytes)));
}

/** Bytes of all inputs, or null when one is a stream. */
export function countBytes(plan: Plan): number | null {
  return sumOrNull(plan.inputs.map(contentSize));
}

/** What differs between two plans, in words. */
export function describeDifference(a: Plan, b: Plan): string {
  const names = (plan: Plan) => JSON.stringify(plan.inputs.map(({ name }) => name));
  if (names(a) !== names(b)) return `inputs ${names(a)} became ${names(b)}`;
  const changed = a.inputs.find((input, i) => !isDeepStrictEqual(input, b.inputs[i]));
  if (changed !== undefined) return `the input ${changed.name} has another size, ETag or modification time`;
  if (a.earlierRuns !== b.earlierRuns) return "the archive was changed in between";
  const options = Object.keys(a.options) as (keyof ConvertOptions)[];
  const differing = options.filter((key) => !isDeepStrictEqual(a.options[key], b.options[key]));
  return differing
    .map((key) => `option ${key}: ${JSON.stringify(a.options[key])} became ${JSON.stringify(b.options[key])}`)
    .join(", ");
}

function chunksOf(size: number | null, chunkBytes: number): number | null {
  return size === null ? null : Math.ceil(size / chunkBytes);
}

function sumOrNull(values: (number | null)[]): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return sum;
}
