import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeEvent, maxEncodedSize } from "../../cli/event/encode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { eventId, hasValidId } from "../../cli/event/id.ts";
import { createFastReader } from "../../cli/event/line/fast.ts";
import { createLineReader } from "../../cli/event/line.ts";
import { parseLine } from "../../cli/event/parse.ts";
import { createDumpWriter } from "../../scripts/generator/dump.ts";
import { createRandom } from "../../scripts/generator/random.ts";
import { signedEvent } from "../events.ts";
import { mutate, writeOddly } from "./mutate.ts";

const SAMPLE = join(import.meta.dir, "../../../shared/data/sample_events.jsonl");
const hasSample = existsSync(SAMPLE);
if (!hasSample) console.warn("skipped: the sample of real events is not beside this checkout");

const CASES = Number(process.env.PROTON_BEAM_TEST_LINES ?? 20_000);
const SEED = process.env.PROTON_BEAM_TEST_SEED ?? "1";
/** Longer lines are left out where each is changed many times. */
const SHORT_LINE = 3000;

const reader = createLineReader();
const fast = createFastReader();
const generated = createDumpWriter({ seed: "lines", lines: 2000, days: 30, duplicates: 0.02, invalid: 0.2 }).lines(
  0,
  2000,
);

const HAND_MADE: Pick<NostrEvent, "tags" | "content">[] = [
  { tags: [], content: "" },
  { tags: [[], [""], ["a", "", "b"]], content: 'é"\\\n\t\b\f\r/' },
  {
    tags: [
      ["R", "pow", 0],
      [1, true, false, null, "x"],
      [-1.5, 1e21, 123456789012345],
    ],
    content: "\u0000\u001f\u007f\u2028",
  },
  {
    tags: [
      ["emoji", "😀👩‍👩‍👧‍👦", "\u0001"],
      ["d", "x".repeat(127)],
      ["d", "y".repeat(128)],
    ],
    content: "\ud83d\ude00 {}[]",
  },
  { tags: [Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? i : String(i)))], content: "é".repeat(70) },
  { tags: [["v", "z".repeat(300), 1]], content: "\\u0041" },
];

function* linesOf(bytes: Buffer): Generator<{ start: number; end: number; line: Buffer }> {
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf("\n", start);
    const end = newline < 0 ? bytes.length : newline;
    yield { start, end, line: bytes.subarray(start, end) };
    start = end + 1;
  }
}

/** Where the readers differ from what is said of the line by way of objects: an empty text when nowhere. */
function difference(block: Buffer, start: number, end: number): string {
  const line = block.subarray(start, end);
  const expected = parseLine(line);
  const verdict = reader.read(block, start, end, false);
  if (typeof expected === "string") {
    if (verdict !== expected) return `the verdict is ${verdict}, not ${expected}`;
    return expected !== "invalid-utf8" && fast.read(block, start, end)
      ? `the fast reader took a line of ${expected}`
      : "";
  }
  if (verdict !== null) return `the verdict is ${verdict}`;
  if (reader.createdAt !== expected.created_at) return `created_at is ${reader.createdAt}`;
  if (reader.kind !== expected.kind) return `kind is ${reader.kind}`;
  if (reader.hasValidId() !== hasValidId(expected)) return `hasValidId() is ${reader.hasValidId()}`;
  const keys = Buffer.alloc(130);
  reader.copyKeys(keys, 1);
  if (keys.toString("hex") !== `00${expected.id}${expected.pubkey}${expected.sig}00`) return "the keys differ";
  const room = maxEncodedSize(line.length) + 3;
  const [ours, theirs] = [Buffer.alloc(room), Buffer.alloc(room)];
  const [ourEnd, theirEnd] = [reader.encode(ours, 3), encodeEvent(expected, theirs, 3)];
  if (!ours.subarray(0, ourEnd).equals(theirs.subarray(0, theirEnd))) return "the encoded events differ";
  return fast.read(block, start, end) && fast.hasPlainId() !== hasPlainId(expected)
    ? "the fast reader's hash differs"
    : "";
}

function plainId({ pubkey, created_at, kind, tags, content }: NostrEvent): string {
  return Bun.SHA256.hash(JSON.stringify([0, pubkey, created_at, kind, tags, content]), "hex");
}

function hasPlainId(event: NostrEvent): boolean {
  return plainId(event) === event.id;
}

/** Gives the line the id it ought to have, where it holds an event. */
function withRightId(line: Buffer): Buffer {
  const event = parseLine(line);
  if (typeof event === "string") return line;
  const at = line.indexOf(event.id);
  if (at < 0) return line;
  return Buffer.concat([line.subarray(0, at), Buffer.from(plainId(event)), line.subarray(at + event.id.length)]);
}

describe("lines are read as by way of objects", () => {
  test("all that the generator makes, most of them fast", () => {
    let events = 0;
    let readFast = 0;
    for (const { start, end, line } of linesOf(generated.bytes)) {
      expect([line.toString(), difference(generated.bytes, start, end)]).toEqual([line.toString(), ""]);
      if (typeof parseLine(line) === "string") continue;
      events++;
      if (fast.read(generated.bytes, start, end)) readFast++;
    }
    expect(events).toBeGreaterThan(1500);
    expect(readFast / events).toBeGreaterThan(0.95);
  });

  test.skipIf(!hasSample)("real events, all of them fast", () => {
    const bytes = readFileSync(SAMPLE);
    for (const { start, end, line } of linesOf(bytes)) {
      expect([line.toString(), difference(bytes, start, end)]).toEqual([line.toString(), ""]);
      expect(fast.read(bytes, start, end) && fast.hasPlainId()).toBe(true);
    }
  });

  test("escapes of all kinds of characters, one after another", () => {
    const units = "0000 0008 001F 0020 0022 002f 005C 007f 0080 07FF 0800 d7ff D800 dbff dc00 DFFF e000 ffff".split(
      " ",
    );
    const unitsAndOthers = [...units.map((unit) => `u${unit}`), "n", "/", '"', "\\", "x", "u12", "u00g0", "uD80"];
    const json = JSON.stringify({ ...signedEvent(), tags: [["<value>"]], content: "<content>" });
    for (const first of unitsAndOthers) {
      for (const second of unitsAndOthers) {
        const text = `é\\${first}\\${second}`;
        const line = withRightId(Buffer.from(json.replace("<value>", text).replace("<content>", text)));
        expect([text, difference(line, 0, line.length)]).toEqual([text, ""]);
      }
    }
  });

  test.each([
    ['"content":', '"content":"other","content":'],
    ['"id":', '"id":"other","id":'],
    ["}", ',"id":"other"}'],
    ["}", ',"\\u0069d":"other"}'],
    ["}", ',"\\u006bind":7}'],
    ["}", ',"a\\"b":1}'],
    ["}", ',"a\\":1}'],
    ["}", ',"a\u0001":1}'],
    ["}", ',"a\n":1}'],
    ["}", ',"__proto__":{"id":1}}'],
    ["}", ',"a":[1}'],
    ["}", ',"a":[1,]}'],
    ["}", ',"a":[,1]}'],
    ["}", ',"a":[1 2]}'],
    ["}", ',"a":"\\ud800"}'],
    ["}", ',"a":01}'],
    ["}", ",}"],
    ["}", "}}"],
    ["}", "]"],
    ["{", "[{"],
    ["{", '["EVENT"{'],
    ["}", "\u0000"],
    ["[[", "[[,"],
    ["[[", "[,["],
    ["[[", "[[[],"],
    ["]]", "],]"],
    ["]]", "]}"],
    ["]]", "}]"],
    ["]]", "]"],
    ["]]", "]]]"],
    ["]]", "][]]"],
    ["12", "012"],
    ["12", "00"],
    ["12", "-0"],
    ["12", "-12"],
    ["12", "1.0"],
    ["12", "12."],
    ["12", "1e2"],
    ["12", "123456789012345"],
    ["12", "1234567890123456"],
    ["12", "9007199254740993"],
    ["12", "12345678901234567890123"],
    ["12", "True"],
    ["12", "nullx"],
    ["1700000000", "01700000000"],
    ["1700000000", "1700000000.0"],
    ["1700000000", "17e8"],
    ["1700000000", "0"],
    ["1700000000", "-0"],
    ["1700000000", "-1700000000"],
    ["1700000000", "253402300799"],
    ["1700000000", "253402300800"],
    ["1700000000", "9007199254740993"],
    ['"kind":1', '"kind":0'],
    ['"kind":1', '"kind":01'],
    ['"kind":1', '"kind":-1'],
    ['"kind":1', '"kind":2147483647'],
    ['"kind":1', '"kind":2147483648'],
    ["hello", "\t"],
    ["hello", "\u0000"],
    ["hello", "\u001fabcdefgh"],
    ["hello", "\u007f\u0080\u2028\ufeff"],
    ["hello", "\\'"],
    ["hello", "\\U0041"],
  ])("where %j is written %j", (before, after) => {
    const event = { ...signedEvent(), tags: [["n", 12, "a"]] };
    for (const text of [JSON.stringify(event), JSON.stringify(event).replaceAll(/[:,{}[\]]/g, " $& ")]) {
      const spaced = (part: string) => (text.includes(before) ? part : part.replaceAll(/[:,{}[\]]/g, " $& ").trim());
      const at = text.lastIndexOf(spaced(before));
      const line = withRightId(Buffer.from(`${text.slice(0, at)}${after}${text.slice(at + spaced(before).length)}`));
      expect(at).toBeGreaterThanOrEqual(0);
      expect(difference(line, 0, line.length)).toBe("");
    }
  });

  test("lines that end early, whatever follows", () => {
    const event = {
      ...signedEvent(),
      tags: [["é", 12, "/", "\u0001"], [true]],
      content: "😀\u001f/\n",
      relay: ["x", null],
    };
    const lines = [
      JSON.stringify(event),
      JSON.stringify(["EVENT", event], null, 1),
      writeOddly(event, createRandom("7")),
    ];
    for (const line of lines.map((text) => Buffer.from(text))) {
      for (let end = 0; end <= line.length; end++) expect([end, difference(line, 0, end)]).toEqual([end, ""]);
    }
  });

  test(`${CASES} lines that are written in odd ways or damaged`, () => {
    const plain = [...linesOf(generated.bytes)].map(({ line }) => line).filter(({ length }) => length < SHORT_LINE);
    const sample = hasSample ? [...linesOf(readFileSync(SAMPLE))].map(({ line }) => line) : [];
    const lines = [...plain, ...sample.filter(({ length }) => length < SHORT_LINE)];
    const events = lines.map(parseLine).filter((event) => typeof event !== "string");
    const handMade = HAND_MADE.map((draft): NostrEvent => ({ ...signedEvent(), ...draft }));
    const behind = ["", "\n", '"', '"}', "]}", "}", "00", '\n{"id":"'];
    let readFast = 0;
    for (let number = 0; number < CASES; number++) {
      const random = createRandom(`${SEED}/${number}`);
      const event = random.pick(random.chance(0.5) ? handMade : events);
      let line = random.chance(0.2) ? random.pick(lines) : writeOddly(event, random);
      for (let times = random.pick([0, 0, 1, 1, 3]); times > 0; times--) line = mutate(line, random);
      if (random.chance(0.7)) line = withRightId(line);
      const before = random.int(0, 5);
      const block = Buffer.concat([Buffer.alloc(before, "["), line, Buffer.from(random.pick(behind))]);
      const found = difference(block, before, before + line.length);
      if (fast.read(block, before, before + line.length)) readFast++;
      if (found !== "")
        throw new Error(`seed ${SEED}, case ${number}: ${found}: ${JSON.stringify(line.toString("latin1"))}`);
    }
    // Else damage would be all that is tested.
    expect(readFast / CASES).toBeGreaterThan(0.15);
  });
});

describe("a reader", () => {
  test("takes either form of control characters in an id", () => {
    const content = "\u0000 \u001b";
    const event = { ...signedEvent(), content };
    for (const id of [eventId(event), plainId(event)]) {
      const line = Buffer.from(JSON.stringify({ ...event, id }));
      expect(reader.read(line, 0, line.length, true)).toBeNull();
      expect(reader.hasValidId()).toBe(true);
    }
  });

  test("says the same of an id when it is asked again, whatever the order of the fields", () => {
    const { content, tags, ...others } = signedEvent({ content: "é\n", tags: [["t", "x"]] });
    for (const event of [
      { content, tags, ...others },
      { tags, ...others, content },
    ]) {
      const line = Buffer.from(JSON.stringify(event));
      expect(fast.read(line, 0, line.length)).toBe(true);
      expect([fast.hasPlainId(), fast.hasPlainId()]).toEqual([true, true]);
    }
  });

  test("reads lines that are longer than the fast one has room for", () => {
    const tags = Array.from({ length: 50_000 }, (_, i) => ["t", i, "é"]);
    const line = Buffer.from(JSON.stringify({ ...signedEvent(), tags, content: "\n".repeat(200_000) }));
    expect(fast.read(line, 0, line.length)).toBe(false);
    expect(difference(line, 0, line.length)).toBe("");
  });

  test.each([
    ["one-digit values in one tag", [Array.from({ length: 120_000 }, () => 1)]],
    ["empty tags", Array.from({ length: 80_000 }, () => [])],
    ["long values", ["z", "é"].map((char) => [char.repeat(20_000)])],
    ["empty values", [Array.from({ length: 80_000 }, () => "")]],
  ])("has room for a long line of %s", (_, tags) => {
    const line = Buffer.from(JSON.stringify({ ...signedEvent(), tags }));
    expect(fast.read(line, 0, line.length)).toBe(true);
    expect(difference(line, 0, line.length)).toBe("");
  });
});
