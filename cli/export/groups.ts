import type { Member } from "../reduce/day-file.ts";

/** A daily file and the gzip members it consists of. */
export interface DayMembers {
  path: string;
  members: Member[];
}

/** A member that is too large for one piece. */
export interface LargeMember {
  path: string;
  member: Member;
}

/** What is encoded as one piece: neighbouring members of one or more daily files; or a member that is to be cut by its events. */
export type Group = { kind: "members"; pieces: DayMembers[] } | ({ kind: "large" } & LargeMember);

/** Uncompressed bytes of a member from which on it is read as a stream. This program makes members of about 1 MiB. */
const LARGE_MEMBER_BYTES = 64 * 1024 ** 2;

/** Cuts days into groups of about `bytes` uncompressed bytes, in their order. The cuts depend on the members only. */
export function* cutGroups(days: Iterable<DayMembers>, bytes: number): Generator<Group> {
  let pieces: DayMembers[] = [];
  let size = 0;
  const close = function* (): Generator<Group> {
    if (pieces.length > 0) yield { kind: "members", pieces };
    pieces = [];
    size = 0;
  };
  for (const { path, members } of days) {
    for (const member of members) {
      const isLarge = member.size > LARGE_MEMBER_BYTES;
      if (isLarge || size + member.size > bytes) yield* close();
      if (isLarge) {
        yield { kind: "large", path, member };
        continue;
      }
      const last = pieces.at(-1);
      if (last?.path === path) last.members.push(member);
      else pieces.push({ path, members: [member] });
      size += member.size;
    }
  }
  yield* close();
}
