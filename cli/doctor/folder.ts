import { Database } from "bun:sqlite";
import { existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { errorMessage } from "../errors.ts";
import { formatBytes } from "../report/format.ts";
import { writeAtomically } from "../store/atomic.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

const LITTLE_BYTES = 5e9;
const TOO_LITTLE_BYTES = 200e6;

/** File systems to be warned of, by the numbers of statfs(2). */
const ODD_FILE_SYSTEMS = new Map<number, { name: string; fix: string }>([
  [0x01021994, { name: "tmpfs", fix: "It is in memory, and gone after a restart: work on a disk." }],
  [0x858458f6, { name: "ramfs", fix: "It is in memory, and gone after a restart: work on a disk." }],
  [
    0x6969,
    { name: "NFS", fix: "Locks and fsync are only as good as the server: work on a local disk, and copy the archive." },
  ],
  [
    0xff534d42,
    {
      name: "CIFS",
      fix: "Locks and fsync are only as good as the server: work on a local disk, and copy the archive.",
    },
  ],
  [
    0xfe534d42,
    { name: "SMB", fix: "Locks and fsync are only as good as the server: work on a local disk, and copy the archive." },
  ],
  [0x65735546, { name: "FUSE", fix: "Locks and fsync are only as good as what is behind it: work on a local disk." }],
  [0x794c7630, { name: "overlay", fix: "It goes with the container: work on a volume." }],
]);

/** Whether work can be done in the folder at an absolute path, or where it would be made: written and made durable, locked, and how much room there is. */
export function checkFolder(about: string, path: string): Finding[] {
  const folder = existingFolder(path);
  const { type, bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const odd = ODD_FILE_SYSTEMS.get(type);
  const text = `${path}: ${formatBytes(free)} free${odd === undefined ? "" : `, ${odd.name}`}`;
  try {
    tryWork(folder);
  } catch (error) {
    return [
      problem(
        about,
        `${text}; nothing can be written safely in ${folder}: ${errorMessage(error)}`,
        "Make it writable for this user, or choose another folder.",
      ),
    ];
  }
  const findings = [ok(about, `${text}; writing, fsync and locks work`)];
  if (free < TOO_LITTLE_BYTES)
    findings.push(problem(about, `${formatBytes(free)} are not enough for any work`, "Make room."));
  else if (free < LITTLE_BYTES)
    findings.push(warning(about, "there is little room", "Make room; estimate says how much a conversion needs."));
  if (odd !== undefined) findings.push(warning(about, `${path} is on ${odd.name}`, odd.fix));
  return findings;
}

function existingFolder(path: string): string {
  return existsSync(path) ? path : existingFolder(dirname(path));
}

/** Does what a conversion does: a file that is written atomically and durably, and SQLite's lock, which a second one must not get. */
function tryWork(folder: string): void {
  const scratch = mkdtempSync(join(folder, ".proton-beam-doctor-"));
  try {
    writeAtomically(join(scratch, "file"), (file) => file.write(Buffer.from("probe")));
    const path = join(scratch, "lock.db");
    const first = new Database(path);
    const second = new Database(path);
    try {
      first.run("BEGIN EXCLUSIVE");
      if (canLock(second)) throw new Error("a lock is given to two programs at once");
    } finally {
      first.close();
      second.close();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function canLock(db: Database): boolean {
  try {
    db.run("BEGIN EXCLUSIVE");
    return true;
  } catch {
    return false;
  }
}
