import { describe, expect, test } from "bun:test";
import type { NostrEvent } from "../../cli/event/event.ts";
import { parseLine } from "../../cli/event/parse.ts";
import type { RejectReason } from "../../cli/event/reject.ts";
import { signedEvent } from "../events.ts";

const event = signedEvent();
const parse = (text: string) => parseLine(Buffer.from(text));
const parseWith = (changes: Record<string, unknown>) => parse(JSON.stringify({ ...event, ...changes }));

describe("an event is read", () => {
  test("alone and in relay frames", () => {
    const json = JSON.stringify(event);
    for (const line of [json, `["EVENT","sub",${json}]`, `["EVENT",${json}]`, `  ${json}\r`])
      expect(parse(line)).toEqual(event);
  });

  test("without the fields that NIP-01 does not name", () => {
    expect(parseWith({ seen_on: ["wss://x"], __proto__x: 1 })).toEqual(event);
  });

  test.each<[string, Partial<NostrEvent>]>([
    ["empty tags and values", { tags: [[], [""], ["e", "", ""]] }],
    [
      "numbers, booleans and null in tags",
      {
        tags: [
          ["R", "pow", 0],
          ["a", -1.5, true, null],
        ],
      },
    ],
    ["thousands of tags", { tags: Array.from({ length: 5000 }, (_, i) => ["p", String(i)]) }],
    ["NUL, U+2028 and emoji", { content: "\u0000\u2028👩‍👩‍👧‍👦\ud83d\ude00" }],
    ["megabytes of content", { content: "é".repeat(3_000_000) }],
    ["an empty content", { content: "" }],
    ["time 0", { created_at: 0 }],
    ["a time before 1970", { created_at: -1 }],
    ["the first second of year 0", { created_at: -62_167_219_200 }],
    ["the last second of year 9999", { created_at: 253_402_300_799 }],
  ])("with %s", (_, changes) => {
    expect(parseWith(changes)).toEqual({ ...event, ...changes });
  });

  test("with numbers in other JSON forms", () => {
    const json = JSON.stringify(event).replace(`"created_at":${event.created_at}`, '"created_at":17e8');
    expect(parse(json)).toEqual({ ...event, created_at: 1_700_000_000 });
  });
});

describe("a line is rejected", () => {
  test.each([
    ["", "invalid-json"],
    ["{", "invalid-json"],
    ["{} {}", "invalid-json"],
    [`${"[".repeat(500_000)}`, "invalid-json"],
    ["[]", "not-an-event"],
    ["{}", "not-an-event"],
    ["null", "not-an-event"],
    ['"EVENT"', "not-an-event"],
    ['["EOSE","x"]', "not-an-event"],
    ['["EVENT"]', "not-an-event"],
    ['["EVENT","sub",null]', "not-an-event"],
    [`["event",${JSON.stringify(event)}]`, "not-an-event"],
  ])("%#: %.20s as %s", (text, reason) => {
    expect(parse(text)).toBe(reason as RejectReason);
  });

  test("that is not UTF-8", () => {
    expect(parseLine(Buffer.concat([Buffer.from('{"content":"'), Buffer.from([0xff]), Buffer.from('"}')]))).toBe(
      "invalid-utf8",
    );
    expect(parseLine(Buffer.from(JSON.stringify(event).replace("hello", "h\ufffd"), "latin1"))).toBe("invalid-utf8");
  });

  test.each([
    [{ id: undefined }, "invalid-id"],
    [{ id: event.id.toUpperCase() }, "invalid-id"],
    [{ id: `${event.id}\n` }, "invalid-id"],
    [{ pubkey: "ab" }, "invalid-pubkey"],
    [{ created_at: "1" }, "invalid-created-at"],
    [{ created_at: 1.5 }, "invalid-created-at"],
    [{ kind: null }, "invalid-kind"],
    [{ kind: 2 ** 31 }, "invalid-kind"],
    [{ tags: undefined }, "invalid-tags"],
    [{ tags: ["p"] }, "invalid-tags"],
    [{ tags: [["p", ["x"]]] }, "invalid-tags"],
    [{ tags: [["p", {}]] }, "invalid-tags"],
    [{ content: 1 }, "invalid-content"],
    [{ sig: event.sig.slice(1) }, "invalid-sig"],
    [{ created_at: 253_402_300_800 }, "date-out-of-range"],
    [{ created_at: -62_167_219_201 }, "date-out-of-range"],
    [{ content: "\ud800" }, "lone-surrogate"],
    [{ tags: [["t", "x\udc00"]] }, "lone-surrogate"],
  ])("%j as %s", (changes, reason) => {
    expect(parseWith(changes)).toBe(reason as RejectReason);
  });
});
