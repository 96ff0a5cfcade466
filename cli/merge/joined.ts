import { existsSync } from "node:fs";
import { join } from "node:path";
import PQueue from "p-queue";
import { type ArchiveFiles, openFiles } from "../archive/files.ts";
import type { ArchiveLocation } from "../archive/location.ts";
import { manifestOf, openArchive } from "../archive/open.ts";
import { EXIT, ProtonBeamError } from "../errors.ts";
import { type IndexReader, openIndex } from "../index/read.ts";
import type { S3Clients } from "../net/s3.ts";
import type { JoinedArchive } from "../plan/plan.ts";
import type { Member } from "../reduce/day-file.ts";
import type { Manifest } from "../run/manifest.ts";
import type { DayCopy } from "../run/protocol.ts";
import type { ExistingRejects } from "../segment/rejects.ts";
import { createBucket } from "../store/bucket.ts";
import { dayFileName, dayOfFile, INDEX_FILE, REJECTED_FILE } from "../store/layout.ts";

const STATS_AT_ONCE = 16;

/** An archive, or a directory with daily files of another tool, that is to be joined with others. */
export interface Joined {
  location: ArchiveLocation;
  place: string;
  manifest: Manifest | null;
  /** Its index, if it has one. */
  index: IndexReader | null;
  /** Its daily files and rejects as they are now. */
  state: JoinedArchive;
  days: number[];
}

/** @throws {ProtonBeamError} when it has no daily files, or not those that its manifest says */
export async function openJoined(location: ArchiveLocation, clients: S3Clients): Promise<Joined> {
  if (location.kind === "local" && !existsSync(location.folder))
    throw new ProtonBeamError(`there is no ${location.folder}`, EXIT.usage);
  const files = openFiles(location, clients);
  const place = files.place("");
  const manifest = await manifestOf(files);
  const state = { place, files: await stateOf(files) };
  const days = state.files.flatMap(({ path }) => dayOfFile(path) ?? []);
  if (days.length === 0 && manifest === null)
    throw new ProtonBeamError(`${place} holds no archive and no daily files`, EXIT.usage);
  assertAsManifest(state, manifest);
  const hasIndex = (await files.stat(INDEX_FILE)) !== null;
  const index = hasIndex ? openIndex((await openArchive(location, clients)).indexPath) : null;
  return { location, place, manifest, index, state, days };
}

/** @throws {ProtonBeamError} when something was written into an archive since it was opened */
export async function assertUnchanged({ location, state, place }: Joined, clients: S3Clients): Promise<void> {
  const now = await stateOf(openFiles(location, clients));
  if (JSON.stringify(now) === JSON.stringify(state.files)) return;
  throw new ProtonBeamError(
    `${place} was changed while it was read. Remove the .proton-beam folder of the output and merge again.`,
  );
}

/** The file of a day to be merged, if there is one. */
export function dayCopyOf({ location, state, manifest, index }: Joined, day: number): DayCopy[] {
  const path = dayFileName(day);
  const file = state.files.find((known) => known.path === path);
  if (file === undefined) return [];
  // Only what this program has written is taken for sorted: a manifest without runs was made for files of other tools.
  const isOurs = manifest !== null && manifest.runs.length > 0;
  const members = isOurs ? (index?.members(path) ?? []) : [];
  return [{ location, path, members: covers(members, file.size) ? members : null, role: "joined" }];
}

/** The rejects of an archive on this disk; those of one in S3 are fetched into `folder`. */
export async function rejectsOf(
  { location, state }: Joined,
  number: number,
  folder: string,
  clients: S3Clients,
): Promise<ExistingRejects[]> {
  const file = state.files.find(({ path }) => path === REJECTED_FILE);
  if (file === undefined) return [];
  if (location.kind === "local") return [{ path: join(location.folder, REJECTED_FILE), size: file.size }];
  const path = join(folder, `joined-${number}-${REJECTED_FILE}`);
  await createBucket(location.settings, clients).download(REJECTED_FILE, path);
  return [{ path, size: file.size }];
}

/** Whether members are all of a file, one behind the other. */
function covers(members: Member[], size: number): boolean {
  let end = 0;
  for (const { offset, length } of members) {
    if (offset !== end) return false;
    end += length;
  }
  return members.length > 0 && end === size;
}

async function stateOf(files: ArchiveFiles): Promise<JoinedArchive["files"]> {
  const queue = new PQueue({ concurrency: STATS_AT_ONCE });
  const paths = (await files.list()).map(({ path }) => path);
  const wanted = paths.filter((path) => dayOfFile(path) !== null || path === REJECTED_FILE).sort();
  const stats = await queue.addAll(
    wanted.map((path) => async () => {
      const info = await files.stat(path);
      return info === null ? [] : [{ path, ...info }];
    }),
  );
  return stats.flat();
}

function assertAsManifest({ place, files }: JoinedArchive, manifest: Manifest | null): void {
  const sizes = new Map(files.map(({ path, size }) => [path, size]));
  const wrong = manifest?.files.find(
    ({ path, size }) => (dayOfFile(path) !== null || path === REJECTED_FILE) && sizes.get(path) !== size,
  );
  if (wrong === undefined) return;
  throw new ProtonBeamError(
    `${place}: ${wrong.path} is not there as the manifest says. Finish the conversion that is at work there, or look into it with verify.`,
  );
}
