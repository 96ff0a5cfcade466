import { appendFileSync, closeSync, existsSync, fsyncSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** Beside the files of an export by days: what each was made from. */
const RECORD_FILE = ".proton-beam-export.jsonl";

const recordSchema = z.object({
  file: z.string(),
  /** SHA-256 of the daily file, or what else tells its versions apart. */
  source: z.string(),
});

/** Which files of a folder are exports of a day, and of which state of it. */
export interface DoneDays {
  /** `done`: whole and of this source. `stale`: made by an export from another source. `foreign`: by who knows whom. */
  stateOf(file: string, source: string): "missing" | "done" | "stale" | "foreign";
  /** To be called before a file gets its name: after it, a file of that name is the one of this source. */
  note(file: string, source: string): void;
}

export function openDoneDays(folder: string): DoneDays {
  const path = join(folder, RECORD_FILE);
  const sources = new Map(readRecords(path).map(({ file, source }) => [file, source]));
  return {
    stateOf: (file, source) => {
      if (!existsSync(join(folder, file))) return "missing";
      const noted = sources.get(file);
      return noted === source ? "done" : noted === undefined ? "foreign" : "stale";
    },
    note: (file, source) => {
      // Else, after an interruption, the file of the older state would pass for this one.
      rmSync(join(folder, file), { force: true });
      const record = openSync(path, "a");
      try {
        // On a line of its own, also after one that was cut short.
        appendFileSync(record, `\n${JSON.stringify({ file, source })}\n`);
        fsyncSync(record);
      } finally {
        closeSync(record);
      }
      sources.set(file, source);
    },
  };
}

/** A line that was cut short by an interruption is no record. */
function readRecords(path: string): z.infer<typeof recordSchema>[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [recordSchema.parse(JSON.parse(line))];
      } catch {
        return [];
      }
    });
}
