import { readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { EXIT, errorCode, ProtonBeamError } from "../errors.ts";
import { STDIN, STDIN_DEVICE } from "./stdin.ts";

/** What identifies an input: as long as these are equal its bytes are taken to be. */
export const inputSchema = z.object({
  /** The path as the user gave it, or as a glob or directory expanded to; `-` is standard input. */
  name: z.string(),
  /** Bytes; null for a stream, whose size is not known before its end. */
  size: z.number().nullable(),
  /** Modification time, milliseconds since 1970; null for a stream. */
  modified: z.number().nullable(),
});
export type Input = z.infer<typeof inputSchema>;

const DUMP_FILE = /\.(jsonl|ndjson)$/;

/**
 * The inputs that command-line arguments name: files, directories (all `.jsonl` and `.ndjson` files below them, sorted),
 * globs and `-`. A file that is named twice is read once.
 * @throws {ProtonBeamError} usage: an argument that names nothing, or no dump file
 */
export function findInputs(args: string[]): Input[] {
  const seen = new Set<string>();
  const inputs: Input[] = [];
  for (const name of args.flatMap(expand)) {
    const identity = name === STDIN ? STDIN : realpathSync(name);
    if (seen.has(identity)) continue;
    seen.add(identity);
    inputs.push(name === STDIN ? { name, size: null, modified: null } : identityOf(name, statSync(name)));
  }
  return inputs;
}

/** The identity of an input file that has these stats. */
export function identityOf(name: string, { size, mtimeMs }: Stats): Input {
  return { name, size, modified: Math.floor(mtimeMs) };
}

function expand(arg: string): string[] {
  if (arg === STDIN || arg === STDIN_DEVICE) return [STDIN];
  const stat = statOf(arg);
  if (stat?.isDirectory()) return filesBelow(arg);
  if (stat?.isFile()) return [arg];
  if (stat !== null) throw new ProtonBeamError(`${arg} is not a regular file. Pipe it in and name "-".`, EXIT.usage);
  const matches = [...new Bun.Glob(arg).scanSync({ absolute: false, onlyFiles: true })].sort();
  if (matches.length === 0) throw new ProtonBeamError(`no input file matches "${arg}"`, EXIT.usage);
  return matches;
}

function filesBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => DUMP_FILE.test(name));
  const files = names.map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
  if (files.length === 0)
    throw new ProtonBeamError(`the directory ${folder} holds no .jsonl or .ndjson file`, EXIT.usage);
  return files.sort();
}

function statOf(path: string) {
  try {
    return statSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}
