import { closeSync, openSync, readdirSync, readSync, realpathSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { EXIT, errorCode, ProtonBeamError } from "../errors.ts";
import { detectCompression, MAGIC_BYTES } from "./compression.ts";
import { DUMP_FILE } from "./inputs.ts";
import type { Source } from "./source.ts";

/**
 * The files that an argument names: a file, a directory (all dumps below it, sorted), or a glob.
 * @throws {ProtonBeamError} usage: it names nothing, or no dump file
 */
export function findFiles(arg: string): Source[] {
  return expand(arg).map(fileSource);
}

/** What tells whether two paths lead to the same file. */
export function fileIdentity(path: string): string {
  return realpathSync(path);
}

/** The source that a file is. */
export function fileSource(path: string): Source {
  const { size, modified } = fileState(statSync(path));
  return {
    input: { name: path, size, modified, etag: null, compression: compressionOf(path) },
    location: { kind: "file", path, size, modified },
    checksum: null,
  };
}

/** What changes when a file is written to. */
export function fileState({ size, mtimeMs }: Stats): { size: number; modified: number } {
  return { size, modified: Math.floor(mtimeMs) };
}

function compressionOf(path: string) {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(MAGIC_BYTES);
    return detectCompression(head.subarray(0, readSync(file, head)));
  } finally {
    closeSync(file);
  }
}

function expand(arg: string): string[] {
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
    throw new ProtonBeamError(
      `the directory ${folder} holds no .jsonl or .ndjson file, plain or compressed`,
      EXIT.usage,
    );
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
