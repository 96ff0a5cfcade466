import { readdirSync, readlinkSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { DAY_FILE, INDEX_FILE } from "../../cli/store/layout.ts";
import { pollUntilExit } from "./poll.ts";

const POLL_MS = 100;
const BLOCK_BYTES = 512;

/**
 * Waits for a child to end and gives the most disk space that it used at once for what is gone at the end, bytes:
 * all of its work folder but daily files and index, which are results, and files that are open and have no name.
 */
export async function peakTemporarySpace(child: Bun.Subprocess, workFolder: string): Promise<number> {
  let peak = 0;
  await pollUntilExit(child, POLL_MS, () => {
    const paths = [...filesBelow(workFolder).filter((path) => !isResult(path)), ...namelessFiles(child.pid)];
    peak = Math.max(
      peak,
      paths.map(spaceOf).reduce((sum, bytes) => sum + bytes, 0),
    );
  });
  return peak;
}

/** Whether a file is one of the archive, or will be. */
function isResult(path: string): boolean {
  const name = basename(path).replace(/\.tmp$/, "");
  return DAY_FILE.test(name) || name === INDEX_FILE;
}

function filesBelow(folder: string): string[] {
  return namesIn(folder, true).map((name) => join(folder, name));
}

function namelessFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return namesIn(folder, false)
    .map((name) => join(folder, name))
    .filter(isNamelessFile);
}

function isNamelessFile(path: string): boolean {
  try {
    const target = readlinkSync(path);
    return target.endsWith(" (deleted)") && !/^\/(memfd:|dev\/)/.test(target);
  } catch {
    return false;
  }
}

/** Names in a folder that may be gone, and with it what is in it. */
function namesIn(folder: string, recursive: boolean): string[] {
  try {
    return readdirSync(folder, { recursive, encoding: "utf8" });
  } catch {
    return [];
  }
}

function spaceOf(path: string): number {
  try {
    const stat = statSync(path);
    return stat.isFile() ? stat.blocks * BLOCK_BYTES : 0;
  } catch {
    return 0;
  }
}
