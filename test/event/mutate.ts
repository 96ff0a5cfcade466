import type { NostrEvent } from "../../cli/event/event.ts";
import type { Random } from "../../scripts/generator/random.ts";

/** What JSON, Nostr or UTF-8 treat in a way of their own. */
const PIECES: readonly Buffer[] = [
  ...[
    '"',
    "\\",
    ",",
    ":",
    "[",
    "]",
    "{",
    "}",
    " ",
    "\t",
    "\r",
    "\n",
    "\0",
    "\x1f",
    "\x7f",
    "\u2028",
    "\ufeff",
    "é",
    "😀",
  ],
  ...["\\n", "\\b", "\\/", "\\x", "\\u", "\\u12", "\\u0000", "\\u001F", "\\u0022", "\\u005c", "\\u00e9", "\\u2028"],
  ...["\\ud83d\\ude00", "\\ud83d", "\\ude00", "\\uD83D\\u0041", "\\ud83d\\n", "\\u000g", "\\u 000"],
  ...["0", "-0", "-1", "01", "00", "1e3", "1E-2", "1.0", "0.5", ".", "e", "+1", "123456789012345", "1234567890123456"],
  ...["2147483647", "2147483648", "253402300799", "253402300800", "true", "false", "null", "tru", "nulll", "NaN"],
  ...[
    "[]",
    "{}",
    "[[]]",
    '[""]',
    '[["a"],',
    '"EVENT",',
    '["EVENT",',
    ',"x"',
    '"":',
    '"id":',
    '"kind":1,',
    '"content":"",',
  ],
  ...[
    '"__proto__":{},',
    '"__proto__":1,',
    '"x":[1,"a",null],',
    '"x":[[1]],',
    '"x":-1,',
    '"x":"\\ud800",',
    '"\\u0069d":1,',
  ],
]
  .map((text) => Buffer.from(text))
  .concat(
    [[0xff], [0x80], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]].map((bytes) =>
      Buffer.from(bytes),
    ),
  );

const SYNTAX = /["\\,:[\]{}]|\d+|\s|true|false|null/;

/** Damages a line once, mostly where it matters. */
export function mutate(line: Buffer, random: Random): Buffer {
  const at = random.chance(0.7) ? syntaxAt(line, random) : random.int(0, line.length);
  const length = random.pick([0, 0, 1, 1, 2, 5]);
  const splice = (piece: Uint8Array) => Buffer.concat([line.subarray(0, at), piece, line.subarray(at + length)]);
  switch (random.int(0, 7)) {
    case 0: {
      const flipped = Buffer.from(line);
      if (at < line.length) flipped[at] ^= 1 << random.int(0, 7);
      return flipped;
    }
    case 1:
      return splice(Buffer.alloc(0));
    case 2: {
      const from = syntaxAt(line, random);
      return splice(line.subarray(from, from + random.int(1, 20)));
    }
    case 3:
      return line.subarray(random.chance(0.5) ? 0 : at, random.chance(0.5) ? at : line.length);
    default:
      return splice(random.pick(PIECES));
  }
}

function syntaxAt(line: Buffer, random: Random): number {
  const from = random.int(0, Math.max(0, line.length - 1));
  const match = SYNTAX.exec(line.toString("latin1", from));
  return match === null ? from : from + match.index + random.int(0, 1);
}

/** Writes an event in one of the many ways in which JSON can. */
export function writeOddly(event: NostrEvent, random: Random): Buffer {
  const spaces = random.pick([0, 0, 0.05, 0.5]);
  const escapes = random.pick([0, 0, 0.02, 0.5]);
  const space = () => (random.chance(spaces) ? random.pick([" ", "  ", "\t", "\r", "\n"]) : "");
  const write = (value: unknown): string => `${space()}${writeBare(value)}${space()}`;
  const writeBare = (value: unknown): string => {
    if (typeof value === "string") return writeText(value);
    if (Array.isArray(value)) return `[${value.length === 0 ? space() : value.map(write).join(",")}]`;
    if (typeof value === "object" && value !== null) return writeObject(Object.entries(value));
    return JSON.stringify(value);
  };
  const writeText = (text: string) =>
    `"${text.replace(/./gsu, (char) => (random.chance(escapes) ? toUnits(char, random) : JSON.stringify(char).slice(1, -1)))}"`;
  const writeObject = (entries: [string, unknown][]) =>
    `{${entries.map(([name, value]) => `${space()}"${name}"${space()}:${write(value)}`).join(",")}}`;

  const entries: [string, unknown][] = shuffle(Object.entries(event), random);
  const others = ["relay", 7, true, null, ["wss://x", 1], [], {}, -0.5, [["a"]], "\u0007é\\"] as const;
  if (random.chance(0.3))
    entries.splice(random.int(0, 7), 0, [random.pick(["seen", "", "ids", "__proto__", "é"]), random.pick(others)]);
  if (random.chance(0.05)) entries.splice(random.int(0, 7), 0, random.pick(entries));
  if (random.chance(0.05)) entries.splice(random.int(0, 6), 1);
  const json = `${space()}${writeObject(entries)}${space()}`;
  return Buffer.from(
    random.chance(0.1) ? `${space()}["EVENT"${random.pick(["", "", ',"sub"', ", 1 ", ",[]"])},${json}]` : json,
  );
}

function toUnits(char: string, random: Random): string {
  if (char === "/" && random.chance(0.5)) return "\\/";
  const units = Array.from({ length: char.length }, (_, i) => char.charCodeAt(i).toString(16).padStart(4, "0"));
  return units.map((unit) => `\\u${random.chance(0.5) ? unit.toUpperCase() : unit}`).join("");
}

function shuffle<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.int(0, left.length - 1), 1)[0]);
}
