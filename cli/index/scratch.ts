import { openSync, rmSync } from "node:fs";

/** Opens a new file to be written and read, and takes its name away: whatever becomes of the process, its space is given back. */
export function openNameless(path: string): number {
  const file = openSync(path, "w+");
  rmSync(path);
  return file;
}
