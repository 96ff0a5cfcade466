import { Database } from "bun:sqlite";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeEvent, maxEncodedSize } from "../../cli/event/encode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { writeVarint } from "../../cli/event/varint.ts";
import { createS3Clients } from "../../cli/net/s3.ts";
import { silentProgress } from "../../cli/report/progress.ts";
import { type Verification, verifyArchive } from "../../cli/verify/verify.ts";
import { readDayFile } from "../run/archive.ts";
import { convertOk, makeDump } from "../run/cli.ts";

const SMALL_MEMBER_BYTES = 150_000;

/** Makes an archive whose signatures were checked and whose index has tags. @returns the dump's path */
export async function makeArchive(folder: string, name: string, lines = 3000): Promise<string> {
  const { path } = await makeDump(folder, `${name}.jsonl`, { lines, days: 3 });
  await convertOk([path, "-o", join(folder, name), "--validate-signatures", "--index-tags", "e,p,t"]);
  return path;
}

/** A copy of an archive, to be damaged. */
export function copyOf(archive: string, to: string): string {
  cpSync(archive, to, { recursive: true });
  return to;
}

export function dayFiles(archive: string): string[] {
  return readdirSync(archive)
    .filter((name) => name.endsWith(".pb.gz"))
    .sort();
}

export function flipBit(path: string, byte: number, bit = 0): void {
  const bytes = readFileSync(path);
  bytes[byte] ^= 1 << bit;
  writeFileSync(path, bytes);
}

export function cutShort(path: string, length: number): void {
  writeFileSync(path, readFileSync(path).subarray(0, length));
}

/** Writes the events of a daily file anew, in gzip members of their own. */
export function changeEvents(path: string, change: (events: NostrEvent[]) => NostrEvent[]): void {
  writeFileSync(path, dayFileOf(change(readDayFile(path))));
}

/** A daily file of events in any order. */
export function dayFileOf(events: NostrEvent[]): Buffer {
  const members: Uint8Array[] = [];
  let records: Buffer[] = [];
  let size = 0;
  const closeMember = () => {
    members.push(Bun.gzipSync(new Uint8Array(Buffer.concat(records)), { level: 6, library: "libdeflate" }));
    records = [];
    size = 0;
  };
  for (const event of events) {
    const target = Buffer.alloc(maxEncodedSize(JSON.stringify(event).length * 3));
    const record = target.subarray(0, encodeEvent(event, target, 0));
    const delimiter = Buffer.alloc(8);
    records.push(delimiter.subarray(0, writeVarint(delimiter, 0, record.length)), record);
    size += record.length;
    if (size > SMALL_MEMBER_BYTES) closeMember();
  }
  if (size > 0) closeMember();
  return Buffer.concat(members);
}

export function changeIndex(archive: string, ...statements: string[]): void {
  const db = new Database(join(archive, "index.db"));
  for (const statement of statements) db.run(statement);
  db.close();
}

/** Checks an archive on this disk in this process. */
export function verifyHere(folder: string, signatures = false): Promise<Verification> {
  return verifyArchive(
    { location: { kind: "local", folder }, parallel: 2, signatures },
    { clients: createS3Clients(), progress: silentProgress, onProblem: () => {} },
  );
}

/** The problems as they are told, one a line. */
export function linesOf({ problems }: Verification): string[] {
  return problems.map(({ file, text }) => `${file}: ${text}`);
}
