import { type DayBlock, splitRecords } from "../archive/day-stream.ts";
import type { ArchiveFiles } from "../archive/files.ts";
import { errorCode, errorMessage } from "../errors.ts";
import { dayOf } from "../event/date.ts";
import type { NostrEvent } from "../event/event.ts";
import { createTagHasher } from "../index/tags.ts";
import type { Member } from "../reduce/day-file.ts";
import { formatCount } from "../report/format.ts";
import type { FileDigest } from "../run/protocol.ts";
import { dayOfFile, INDEX_FILE } from "../store/layout.ts";
import { createRowCursor, type DayIndex, type EventRow, openDayIndex, type RowCursor } from "./day-index.ts";
import { createFindings, type Findings, type FindingsWriter } from "./findings.ts";
import type { Judge, Judgement } from "./judge.ts";
import { readDayPieces } from "./read-day.ts";
import { createSlicer, hashing, type Slicer } from "./slices.ts";

const FEW = 3;

/** A daily file that is to be checked. */
export interface DayCheck {
  path: string;
  size: number;
  /** What the manifest says of it; null when it says nothing. */
  recorded: FileDigest | null;
  /** Null when the index cannot be used. */
  indexPath: string | null;
  /** Letters whose tags the index has. */
  indexTags: string[];
}

/** What is known of a daily file that was checked. */
export interface DayFindings extends Findings {
  path: string;
  size: number;
  sha256: string;
  events: number;
  /** Whether the file is by itself what it must be, whatever manifest and index say. */
  isSound: boolean;
  /** Whether all its events were compared with the index. */
  isCompared: boolean;
  /** Rows that the index has of the day. */
  rows: number;
  /** Rows that the index must have of tags. */
  tags: number;
}

/**
 * Checks a daily file and all that manifest and index say of it. It is read once, in memory bounded by its largest event; only
 * when the index is wrong about its members is it read again.
 * @throws {ProtonBeamError} when the network fails
 */
export async function checkDay(job: DayCheck, files: ArchiveFiles, judge: Judge): Promise<DayFindings> {
  const { path, size, recorded } = job;
  const found = createFindings();
  const index = openIndexOf(job, found);
  try {
    const { damages: _, ...result } = await readThrough(job, files, judge, index, found).catch((error: unknown) => {
      if (errorCode(error) === null) throw error;
      found.add(path, "file", `cannot be read: ${errorMessage(error)}`);
      return UNREAD;
    });
    if (size === 0) found.add(path, "file", "is empty");
    else if (result.events === 0 && !found.has("file")) found.add(path, "file", "holds no events");
    // First what is wrong with the file as a whole: of the rest only the beginning is told.
    const findings = createFindings();
    if (recorded !== null && result.sha256 !== "")
      compareDigest(path, { size, sha256: result.sha256 }, recorded, findings);
    findings.merge(found);
    const { problems, more, notes } = findings;
    return { ...result, path, size, isSound: !found.has("file"), problems, more, notes };
  } finally {
    index?.close();
  }
}

/** Says what differs between a file and what the manifest says of it. */
export function compareDigest(path: string, found: FileDigest, recorded: FileDigest, findings: FindingsWriter): void {
  if (found.size !== recorded.size)
    findings.add(
      path,
      "manifest",
      `has ${formatCount(found.size)} bytes, by the manifest it has ${formatCount(recorded.size)}`,
    );
  else if (found.sha256 !== recorded.sha256)
    findings.add(path, "manifest", `its SHA-256 is ${found.sha256}, by the manifest it is ${recorded.sha256}`);
}

/** The index's view of the file, if it can be had. Members that do not follow each other are of no use. */
function openIndexOf({ path, indexPath }: DayCheck, findings: FindingsWriter): DayIndex | null {
  if (indexPath === null) return null;
  try {
    const index = openDayIndex(indexPath, path, dayOfFile(path));
    if (index.members.length > 0 && index.areInRow) return index;
    findings.add(
      INDEX_FILE,
      "index",
      index.members.length === 0 ? `has no members of ${path}` : `its members of ${path} do not follow each other`,
    );
    index.close();
  } catch (error) {
    findings.add(INDEX_FILE, "index", `what it has of ${path} cannot be read: ${errorMessage(error)}`);
  }
  return null;
}

type Found = Pick<DayFindings, "sha256" | "events" | "isCompared" | "rows" | "tags"> & {
  /** Places where the file cannot be read. */
  damages: number;
};

/** What is found of a file that the disk does not give. */
const UNREAD: Found = { damages: 1, sha256: "", events: 0, isCompared: false, rows: 0, tags: 0 };

async function readThrough(
  job: DayCheck,
  files: ArchiveFiles,
  judge: Judge,
  index: DayIndex | null,
  findings: FindingsWriter,
): Promise<Found> {
  const { path, size } = job;
  const pass = async (dayIndex: DayIndex | null, into: FindingsWriter): Promise<Found> => {
    const { stream, sha256 } = hashing(size === 0 ? nothing() : files.stream(path, 0, size));
    const events = createEventCheck(job, judge, dayIndex, into);
    const slicer = createSlicer(stream);
    try {
      const damages = await checkPieces(job, dayIndex?.members ?? [], slicer, events, into);
      await slicer.skip(size);
      return { damages, sha256: sha256(), ...events.finish() };
    } finally {
      await slicer.close();
    }
  };
  if (index === null) return pass(null, findings);

  const byIndex = createFindings();
  const found = await pass(index, byIndex);
  if (found.damages > 0) {
    // What is wrong may be the index that told where the members are.
    const alone = createFindings();
    const again = await pass(null, alone);
    if (again.damages === 0 && again.events > found.events) {
      findings.merge(alone);
      findings.add(INDEX_FILE, "index", `its members of ${path} are not those of the file`);
      return { ...again, rows: found.rows };
    }
  }
  findings.merge(byIndex);
  return found;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Checks what a file gives, and that its members are those of the index. @returns the number of places that cannot be read */
async function checkPieces(
  { path, size }: DayCheck,
  members: Member[],
  slicer: Slicer,
  events: EventCheck,
  findings: FindingsWriter,
): Promise<number> {
  let damages = 0;
  for await (const piece of readDayPieces(path, size, members, slicer)) {
    if (piece.type === "block") events.check(piece.number, piece.block);
    else if (piece.type === "member") {
      events.endMember();
      compareMember(path, piece.member, members, piece.number, findings);
    } else {
      damages++;
      const lost = events.lose(piece.number);
      const rest = piece.isLast
        ? "what comes behind it was not read, since no index tells where the next one begins"
        : lost;
      findings.add(path, "file", `${piece.text} (member ${piece.number}); ${rest}`);
    }
  }
  return damages;
}

function compareMember(path: string, found: Member, members: Member[], number: number, findings: FindingsWriter): void {
  if (members.length === 0) return;
  const expected = members.at(number);
  if (expected === undefined) {
    findings.add(INDEX_FILE, "index", `does not know the member at byte ${found.offset} of ${path}`);
    return;
  }
  for (const key of ["length", "size", "events"] as const)
    if (found[key] !== expected[key])
      findings.add(
        INDEX_FILE,
        "index",
        `the member at byte ${found.offset} of ${path} has ${key} ${found[key]}, by the index ${expected[key]}`,
      );
}

/** Checks events in the order of their file, and the rows of the index beside them. */
interface EventCheck {
  check(member: number, block: DayBlock): void;
  /** The member is whole. */
  endMember(): void;
  /** The member cannot be read to its end. @returns those of its events that are not there, in words */
  lose(member: number): string;
  finish(): Omit<Found, "sha256" | "damages">;
}

function createEventCheck(job: DayCheck, judge: Judge, index: DayIndex | null, findings: FindingsWriter): EventCheck {
  const { path } = job;
  const day = dayOfFile(path);
  const tagsOf = createTagHasher(index === null ? [] : job.indexTags);
  const noted = { id: createNote(), signature: createNote() };
  let rows: RowCursor | null = null;
  let events = 0;
  let tags = 0;
  let previous: NostrEvent | null = null;
  // What is wrong with the events of the member that is being read, and the events that the index has where none is: no matter
  // by themselves when the member turns out to be damaged.
  let ofMember = createFindings();
  let missing: string[] = [];
  const beginMember = () => {
    ofMember = createFindings();
    missing = [];
  };

  const failIndex = (error: unknown) => {
    findings.add(INDEX_FILE, "index", `what it has of ${path} cannot be read: ${errorMessage(error)}`);
    rows = null;
  };
  /** Uses the index as long as it can be read. */
  const withRows = <T>(use: (cursor: RowCursor) => T, otherwise: T): T => {
    if (rows === null) return otherwise;
    try {
      return use(rows);
    } catch (error) {
      failIndex(error);
      return otherwise;
    }
  };
  const onOrphan = ({ id, position }: EventRow, member: number) => {
    missing.push(toHex(id));
    ofMember.add(
      INDEX_FILE,
      "index",
      `its row of event ${toHex(id)} points to byte ${position} of member ${member} of ${path}, where no such event begins`,
    );
  };
  const onStray = ({ id, createdAt }: EventRow) =>
    findings.add(
      INDEX_FILE,
      "index",
      `its row of event ${toHex(id)} says created_at ${createdAt}, but points into another file than ${path}`,
    );
  if (index !== null) {
    try {
      rows = createRowCursor(index, onOrphan, onStray);
    } catch (error) {
      failIndex(error);
    }
  }

  const compareRow = (event: NostrEvent, place: string, row: EventRow) => {
    const differing = [
      toHex(row.id) === event.id ? null : `id ${toHex(row.id)}`,
      row.pubkey !== null && toHex(row.pubkey) === event.pubkey
        ? null
        : `pubkey ${row.pubkey === null ? "missing" : toHex(row.pubkey)}`,
      row.createdAt === event.created_at ? null : `created_at ${row.createdAt}`,
      row.kind === event.kind ? null : `kind ${row.kind}`,
    ].filter((text) => text !== null);
    if (differing.length > 0)
      ofMember.add(
        INDEX_FILE,
        "index",
        `its row of event ${event.id} (${path}, ${place}) is wrong: ${differing.join(", ")}`,
      );
  };
  const checkTags = ({ id, created_at }: NostrEvent, record: Buffer, { rowid }: EventRow) => {
    for (const hash of tagsOf(record, 0, record.length)) {
      tags++;
      if (index !== null && !index.hasTag(hash, created_at, rowid))
        ofMember.add(INDEX_FILE, "index", `has no row of a tag of event ${id} (${path})`);
    }
  };
  const checkRow = (event: NostrEvent, record: Buffer, place: string, row: EventRow | null) => {
    if (row !== null) {
      compareRow(event, place, row);
      checkTags(event, record, row);
      return;
    }
    const elsewhere = index?.placeOf(event.id) ?? null;
    const other = elsewhere === null ? "" : `; it has one that points to ${elsewhere}`;
    ofMember.add(INDEX_FILE, "index", `has no row of event ${event.id} (${path}, ${place})${other}`);
  };
  const checkOrder = (event: NostrEvent, place: string) => {
    const before = previous;
    previous = event;
    if (before === null) return;
    if (event.id === before.id) ofMember.add(path, "file", `event ${event.id} (${place}) is there twice`);
    else if (event.created_at < before.created_at || (event.created_at === before.created_at && event.id < before.id))
      ofMember.add(path, "file", `event ${event.id} (${place}) is not in its place by created_at and id`);
  };
  const checkContent = ({ event, fault, isCanonical, note }: Judgement, place: string) => {
    if (fault !== null) ofMember.add(path, "file", `event ${event?.id ?? ""} (${place}) is damaged: ${fault}`);
    else if (!isCanonical)
      ofMember.add(path, "file", `event ${event?.id} (${place}) is not encoded as this program does`);
    if (event === null) return;
    if (note !== null) noted[note].add(event.id);
    if (dayOf(event.created_at) !== day)
      ofMember.add(path, "file", `event ${event.id} (${place}) is of another day: created_at ${event.created_at}`);
    checkOrder(event, place);
  };

  return {
    check: (member, { position, records }) => {
      for (const { at, start, end } of splitRecords(records)) {
        const record = records.subarray(start, end);
        const place = `member ${member}, byte ${position + at}`;
        const judgement = judge(record);
        events++;
        checkContent(judgement, place);
        // Of a member that the index does not know that is told once.
        if (index === null || member >= index.members.length) continue;
        withRows((cursor) => {
          const row = cursor.take(member, position + at);
          if (judgement.event !== null) checkRow(judgement.event, record, place, row);
          if (judgement.fault !== null && row !== null) missing.push(toHex(row.id));
        }, undefined);
      }
    },
    endMember: () => {
      findings.merge(ofMember);
      beginMember();
    },
    lose: (member) => {
      const unread = withRows((cursor) => cursor.lose(member).map(({ id }) => toHex(id)), null);
      const lost = unread === null ? "its events are lost" : describeLost([...missing, ...unread]);
      beginMember();
      return lost;
    },
    finish: () => {
      withRows((cursor) => cursor.finish(), undefined);
      findings.merge(ofMember);
      findings.notes.push(
        ...noted.id.text(`${path}: ids that are not the SHA-256 of their event, as was allowed`),
        ...noted.signature.text(`${path}: signatures that do not verify, which not all conversions checked`),
      );
      return { events, tags, isCompared: rows !== null, rows: rows?.count() ?? 0 };
    },
  };
}

/** Counts what is told once for a file. */
function createNote() {
  const few: string[] = [];
  let count = 0;
  return {
    add: (id: string) => {
      if (count++ < FEW) few.push(id);
    },
    text: (what: string) => (count === 0 ? [] : [`${what}: ${withMore(few, count)}`]),
  };
}

function describeLost(ids: string[]): string {
  if (ids.length === 0) return "by the index it holds no events";
  return `${formatCount(ids.length)} ${ids.length === 1 ? "event is" : "events are"} lost: ${withMore(ids.slice(0, FEW), ids.length)}`;
}

function withMore(few: string[], count: number): string {
  return count > few.length ? `${few.join(", ")} and ${formatCount(count - few.length)} more` : few.join(", ");
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
