import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { errorMessage, ProtonBeamError } from "../errors.ts";
import { convertOptionsSchema } from "../plan/options.ts";
import { countsSchema } from "../segment/counts.ts";
import { inputSchema } from "../source/inputs.ts";
import { writeAtomically } from "../store/atomic.ts";

/** One conversion that added to the archive. */
const runRecordSchema = z.object({
  fingerprint: z.string(),
  toolVersion: z.string(),
  inputs: z.array(inputSchema),
  options: convertOptionsSchema,
  counts: countsSchema,
  /** Whether the archive still has all its events: a repair that had to give some up says no, and the inputs are read again. */
  whole: z.boolean().default(true),
});

const fileRecordSchema = z.object({ path: z.string(), size: z.number(), sha256: z.string() });
export type FileRecord = z.infer<typeof fileRecordSchema>;

/** `manifest.json`: what an archive holds and where it came from. Written last: an archive is whole where it exists. */
export const manifestSchema = z.object({
  format: z.literal(1),
  /** Unique events of all daily files. */
  events: z.number().int(),
  days: z.number().int(),
  /** Names of the tags that the index can look up. */
  indexTags: z.array(z.string()).default([]),
  /** Whether it also holds daily files of which no run tells how they were made: those of another tool, or of a manifest that was lost. */
  foreign: z.boolean().default(false),
  /** The conversions, in the order they were made. */
  runs: z.array(runRecordSchema),
  /** Every output file but the log and this one, sorted by path. */
  files: z.array(fileRecordSchema),
});
export type Manifest = z.infer<typeof manifestSchema>;

/**
 * The manifest at `path`, or null when there is none.
 * @throws {ProtonBeamError} when it cannot be read as a manifest
 */
export function readManifest(path: string): Manifest | null {
  return existsSync(path) ? parseManifest(path, readFileSync(path, "utf8")) : null;
}

/** @throws {ProtonBeamError} when `text`, which is at `place`, is no manifest */
export function parseManifest(place: string, text: string): Manifest {
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new ProtonBeamError(
      `${place} is no manifest of this program: ${errorMessage(error)}. ` +
        "Restore it from a copy, or convert to another place.",
    );
  }
}

export function serializeManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

export function writeManifest(path: string, manifest: Manifest): void {
  writeAtomically(path, (file) => file.write(Buffer.from(serializeManifest(manifest))));
}

/** Size of an archive; null stands for none. */
export function describeArchive(manifest: Manifest | null): { events: number; days: number; bytes: number } {
  const { events, days, files } = manifest ?? { events: 0, days: 0, files: [] };
  return { events, days, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}
