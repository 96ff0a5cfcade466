import { z } from "zod";
import type { ArchiveFiles } from "../archive/files.ts";
import { DamagedMember, readGzipMembers } from "../archive/gzip-members.ts";
import { REJECT_REASONS, type RejectReason } from "../event/reject.ts";
import { formatCount } from "../report/format.ts";
import type { FileDigest } from "../run/protocol.ts";
import { tally } from "../segment/counts.ts";
import { REJECTED_FILE } from "../store/layout.ts";
import { compareDigest } from "./check-day.ts";
import { createFindings, type Findings, type FindingsWriter } from "./findings.ts";
import { createSlicer, hashing } from "./slices.ts";

const NEWLINE = 10;

const recordSchema = z
  .object({
    source: z.string(),
    offset: z.number().int().nonnegative(),
    reason: z.string().refine((reason): reason is RejectReason => Object.hasOwn(REJECT_REASONS, reason)),
    line: z.string().optional(),
    line_base64: z.base64().optional(),
  })
  .refine(({ line, line_base64 }) => (line === undefined) !== (line_base64 === undefined));

type Tallies = Partial<Record<RejectReason, number>>;

/** The file of the rejected lines, and what the manifest says of it. */
export interface RejectsCheck {
  size: number;
  recorded: FileDigest | null;
  /**
   * How many lines of each reason it must have at least, and how many it can have at most of the conversions of the manifest;
   * null when that is not known. An archive that lost its manifest keeps the lines of conversions that nobody knows any more.
   */
  expected: { least: Tallies; most: Tallies } | null;
}

export interface RejectsFindings extends Findings {
  sha256: string;
  /** Bytes at its beginning that are whole gzip members. */
  soundBytes: number;
}

/**
 * Checks `rejected.jsonl.gz`, in memory bounded by its longest line.
 * @throws {ProtonBeamError} when it cannot be read at all
 */
export async function checkRejects(job: RejectsCheck, files: ArchiveFiles): Promise<RejectsFindings> {
  const { size, recorded, expected } = job;
  const findings = createFindings();
  const counts: Tallies = {};
  // What a damaged member gives is not worth a word.
  let ofMember = createFindings();
  const lines = createLineReader((line, number) => checkLine(line, number, counts, ofMember));
  const { stream, sha256 } = hashing(files.stream(REJECTED_FILE, 0, size));
  const slicer = createSlicer(stream);
  let soundBytes = 0;
  try {
    for await (const { data, offset, length } of readGzipMembers(slicer.until(size))) {
      lines.add(data);
      if (length === null) continue;
      soundBytes = offset + length;
      findings.merge(ofMember);
      ofMember = createFindings();
    }
    if (size === 0) findings.add(REJECTED_FILE, "file", "is empty, so it is no gzip file");
    if (!lines.isAtEnd()) findings.add(REJECTED_FILE, "file", "its last line is cut short");
  } catch (error) {
    if (!(error instanceof DamagedMember)) throw error;
    findings.add(REJECTED_FILE, "file", `${error.message}; the file is whole up to there`);
    await slicer.skip(size);
  } finally {
    await slicer.close();
  }
  const digest = { size, sha256: sha256() };
  if (recorded !== null) compareDigest(REJECTED_FILE, digest, recorded, findings);
  if (expected !== null && !findings.has("file")) compareCounts(counts, expected, findings);
  const { problems, more, notes } = findings;
  return { problems, more, notes, sha256: digest.sha256, soundBytes };
}

function checkLine(line: Buffer, number: number, counts: Tallies, findings: FindingsWriter): void {
  const record = recordSchema.safeParse(parseJson(line));
  if (record.success) tally(counts, record.data.reason);
  else findings.add(REJECTED_FILE, "file", `line ${number} is no record of a rejected line`);
}

function parseJson(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString("utf8"));
  } catch {
    return null;
  }
}

function compareCounts(
  found: Tallies,
  { least, most }: NonNullable<RejectsCheck["expected"]>,
  findings: FindingsWriter,
): void {
  for (const reason of Object.keys(REJECT_REASONS) as RejectReason[]) {
    const here = found[reason] ?? 0;
    const [from, to] = [least[reason] ?? 0, most[reason] ?? 0];
    if (here >= from && here <= to) continue;
    if (here > to) {
      findings.notes.push(
        `${REJECTED_FILE}: has ${formatCount(here)} lines with the reason ${reason}, ${formatCount(here - to)} more than by the manifest: ` +
          "those of a conversion that it no longer has",
      );
      continue;
    }
    const wanted = from === to ? formatCount(to) : `${formatCount(from)} to ${formatCount(to)}`;
    findings.add(
      REJECTED_FILE,
      "file",
      `has ${formatCount(here)} lines with the reason ${reason}, by the manifest ${wanted} were rejected for it`,
    );
  }
}

/** Cuts pieces into lines. */
function createLineReader(onLine: (line: Buffer, number: number) => void) {
  let rest = Buffer.alloc(0);
  let count = 0;
  return {
    add: (piece: Buffer) => {
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        onLine(bytes.subarray(start, end), ++count);
        start = end + 1;
      }
      rest = Buffer.from(bytes.subarray(start));
    },
    isAtEnd: () => rest.length === 0,
  };
}
