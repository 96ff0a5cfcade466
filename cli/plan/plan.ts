import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { ProtonBeamError } from "../errors.ts";
import { contentSize, type Input, inputSchema } from "../source/inputs.ts";
import type { ByteRange } from "../source/lines.ts";
import { type ConvertOptions, convertOptionsSchema } from "./options.ts";

/** Raised when the chunks, or the bytes of segments or daily files, change for the same input and options. */
const FORMAT_VERSION = 2;

/** An archive that is joined with others, and what tells its states apart: its daily files with size and ETag or modification time. */
const joinedArchiveSchema = z.object({
  place: z.string(),
  files: z.array(z.object({ path: z.string(), size: z.number(), version: z.string() })),
});
export type JoinedArchive = z.infer<typeof joinedArchiveSchema>;

/** What a run converts and how. Depends on the inputs and options only, never on workers or machines. */
const planSchema = z.object({
  format: z.literal(FORMAT_VERSION),
  inputs: z.array(inputSchema),
  options: convertOptionsSchema,
  /** Letters whose tags the index of the archive can look up. */
  indexTags: z.array(z.string()).default([]),
  /** Archives that are joined instead of inputs that are converted. */
  archives: z.array(joinedArchiveSchema).default([]),
  /** Conversions that the archive had before this one. */
  earlierRuns: z.number().int(),
});
export type Plan = z.infer<typeof planSchema>;

/**
 * Reads the plan of an unfinished run.
 * @param place where it was found, for the error
 * @throws {ProtonBeamError} when it is not of this version of the program
 */
export function parsePlan(text: string, place: string): Plan {
  const plan = planSchema.safeParse(readJson(text));
  if (plan.success) return plan.data;
  throw new ProtonBeamError(
    `${place} is damaged or of another version of proton-beam, which began the run that is unfinished there. ` +
      "Finish it with that version, or remove the .proton-beam folder to begin anew; the archive beside it stays as it is.",
  );
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The plan of a conversion. */
export function makePlan(
  inputs: Input[],
  options: ConvertOptions,
  earlierRuns: number,
  indexTags: string[] = [],
): Plan {
  return { format: FORMAT_VERSION, inputs, options, indexTags, archives: [], earlierRuns };
}

/** The plan of a new archive that others are joined to. */
export function makeMergePlan(archives: JoinedArchive[], options: ConvertOptions, indexTags: string[]): Plan {
  return { format: FORMAT_VERSION, inputs: [], options, indexTags, archives, earlierRuns: 0 };
}

/** SHA-256 of the plan in hex: equal for equal work. */
export function fingerprintOf(plan: Plan): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(planSchema.parse(plan))).digest("hex");
}

/** Parts that an input is divided into, if they need not be larger than what is asked for: so that many processors have work. */
const PARTS = 64;
/** A smaller part costs more than it helps. */
const LEAST_CHUNK_BYTES = 8 * 1024 ** 2;

/**
 * Bytes of a chunk of an input.
 * @param size bytes of all inputs, or null when one is a stream
 * @param most what the options allow
 */
export function chunkSize(size: number | null, most: number): number {
  return size === null ? most : Math.min(most, Math.max(LEAST_CHUNK_BYTES, Math.ceil(size / PARTS)));
}

/** Bytes of a chunk of the plan's inputs. */
export function chunkBytesOf(plan: Plan): number {
  return chunkSize(countBytes(plan), plan.options.chunkBytes);
}

/** The byte ranges of an input of known size. */
export function* chunkRanges(size: number, chunkBytes: number): Generator<ByteRange> {
  for (let start = 0; start < size; start += chunkBytes) yield { start, end: Math.min(start + chunkBytes, size) };
}

/** Chunks of all inputs, or null when one is a stream. */
export function countChunks(plan: Plan): number | null {
  const chunkBytes = chunkBytesOf(plan);
  return sumOrNull(plan.inputs.map((input) => chunksOf(contentSize(input), chunkBytes)));
}

/** Bytes of all inputs, or null when one is a stream. */
export function countBytes(plan: Plan): number | null {
  return sumOrNull(plan.inputs.map(contentSize));
}

/** What differs between two plans, in words. */
export function describeDifference(a: Plan, b: Plan): string {
  const names = (plan: Plan) => JSON.stringify(plan.inputs.map(({ name }) => name));
  if (names(a) !== names(b)) return `inputs ${names(a)} became ${names(b)}`;
  const places = (plan: Plan) => JSON.stringify(plan.archives.map(({ place }) => place));
  if (places(a) !== places(b)) return `archives ${places(a)} became ${places(b)}`;
  const other = a.archives.find((archive, i) => !isDeepStrictEqual(archive, b.archives[i]));
  if (other !== undefined) return `the archive ${other.place} was changed in between`;
  const changed = a.inputs.find((input, i) => !isDeepStrictEqual(input, b.inputs[i]));
  if (changed !== undefined) return `the input ${changed.name} has another size, ETag or modification time`;
  if (a.earlierRuns !== b.earlierRuns) return "the archive was changed in between";
  if (!isDeepStrictEqual(a.indexTags, b.indexTags))
    return `--index-tags ${a.indexTags.join(",") || "none"} became ${b.indexTags.join(",") || "none"}`;
  const options = Object.keys(a.options) as (keyof ConvertOptions)[];
  const differing = options.filter((key) => !isDeepStrictEqual(a.options[key], b.options[key]));
  return differing
    .map((key) => `option ${key}: ${JSON.stringify(a.options[key])} became ${JSON.stringify(b.options[key])}`)
    .join(", ");
}

function chunksOf(size: number | null, chunkBytes: number): number | null {
  return size === null ? null : Math.ceil(size / chunkBytes);
}

/** Null when a value is. */
export function sumOrNull(values: (number | null)[]): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return sum;
}
