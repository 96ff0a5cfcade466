import { readFileSync, writeFileSync } from "node:fs";
import type { NostrEvent, TagValue } from "../../cli/event/event.ts";
import { eventId } from "../../cli/event/id.ts";
import { parseLine } from "../../cli/event/parse.ts";

const DAY = 1_704_067_200;

function event(tags: TagValue[][], content: string, created_at = DAY): NostrEvent {
  const draft = { pubkey: "ab".repeat(32), created_at, kind: 1, tags, content };
  const { pubkey, kind } = draft;
  return { id: eventId(draft), pubkey, created_at, kind, tags, content, sig: "cd".repeat(64) };
}

/** Events that an export could easily get wrong. */
export const oddEvents: NostrEvent[] = [
  event(
    [
      ["R", "pow", 0],
      ["n", 1.5, -7, 1e21, 9_007_199_254_740_991],
    ],
    "numbers",
  ),
  event([["x", null, true, false], [], [""], ["", ""]], "null, booleans, nothing"),
  event([["json", '{"a":[1,"\\"]}', "[]"]], '{"looks":"like JSON"}'),
  event(
    [
      ["emoji", "👩‍👩‍👧‍👦"],
      ["e", "é"],
    ],
    'line\u2028separator\u2029 NUL \0 bell \x07 \x7f \\ " / \r\n\t\b\f \ufeff 𝄞',
  ),
  event([], ""),
  event(
    Array.from({ length: 3000 }, (_, i) => ["p", i.toString(16).padStart(64, "0")]),
    "many tags",
  ),
  event([], "huge 🌍 ".repeat(400_000)),
  event([], "before 1970", -86_401),
  event([], "the year 9999", 253_402_300_799),
  event([], "the year 0", -62_167_219_200),
];

/** Events of one day, of 4 MB each. */
export function bulkyEvents(count: number): NostrEvent[] {
  return Array.from({ length: count }, (_, i) => event([], `${i} `.repeat(4_000_000 / `${i} `.length), DAY + i));
}

/** Adds events to a dump, one a line. */
export function appendEvents(path: string, events: NostrEvent[]): void {
  writeFileSync(path, events.map((item) => `${JSON.stringify(item)}\n`).join(""), { flag: "a" });
}

/** The valid events of a dump as a simple reader finds them: in order of time and id, each once, with its smallest signature. */
export function eventsOfDump(path: string): NostrEvent[] {
  const found = new Map<string, NostrEvent>();
  const file = readFileSync(path);
  for (let at = 0; at < file.length; ) {
    const end = file.indexOf("\n", at);
    const line = parseLine(file.subarray(at, end < 0 ? file.length : end));
    at = end < 0 ? file.length : end + 1;
    if (typeof line === "string" || line.kind < 0 || line.kind > 65_535 || eventId(line) !== line.id) continue;
    const known = found.get(line.id);
    if (known === undefined || line.sig < known.sig) found.set(line.id, line);
  }
  return [...found.values()].sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
}

export function eventsOfLines(text: string): NostrEvent[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
