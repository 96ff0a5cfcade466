import { type DayBlock, readDayParts, StrangeContent } from "../archive/day-stream.ts";
import { DamagedMember } from "../archive/gzip-members.ts";
import type { Member } from "../reduce/day-file.ts";
import type { Slicer } from "./slices.ts";

/** What a daily file that may be damaged gives: blocks of events, whole members behind theirs, and what cannot be read. */
export type DayPiece =
  | { type: "block"; number: number; block: DayBlock }
  | { type: "member"; number: number; member: Member }
  | { type: "damage"; number: number; text: string; isLast: boolean };

/**
 * Reads a daily file that may be damaged. By the members of an index one that is damaged hides nothing of the others; behind them, and
 * without an index, it goes as far as the file's own members lead.
 * @param members follow each other from the beginning of the file; none without an index
 */
export async function* readDayPieces(
  path: string,
  size: number,
  members: Member[],
  slicer: Slicer,
): AsyncGenerator<DayPiece> {
  for (const [number, { offset, length }] of members.entries()) {
    let members = 0;
    try {
      for await (const part of readDayParts(path, slicer.until(offset + length), offset)) {
        if ("block" in part) yield { type: "block", number, block: part.block };
        else if (members++ === 0) yield { type: "member", number, member: part.member };
      }
      if (members === 0) throw new DamagedMember(offset, "the file ends before it");
    } catch (error) {
      yield { type: "damage", number, text: damageOf(error, path), isLast: false };
      await slicer.skip(offset + length);
    }
  }
  const last = members.at(-1);
  const start = last === undefined ? 0 : last.offset + last.length;
  let number = members.length;
  try {
    for await (const part of readDayParts(path, slicer.until(size), start)) {
      if ("block" in part) yield { type: "block", number, block: part.block };
      else yield { type: "member", number: number++, member: part.member };
    }
  } catch (error) {
    yield { type: "damage", number, text: damageOf(error, path), isLast: true };
  }
}

/** The words of an error that is damage. @throws all other errors */
function damageOf(error: unknown, path: string): string {
  if (error instanceof DamagedMember) return error.message;
  if (error instanceof StrangeContent) return error.message.replace(`${path}: `, "");
  throw error;
}
