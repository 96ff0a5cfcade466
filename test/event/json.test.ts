import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeEvent, maxEncodedSize } from "../../cli/event/encode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { createJsonLines } from "../../cli/event/json.ts";
import { anyEvent } from "../events.ts";
import { oddEvents } from "../export/dump.ts";

function encoded(event: NostrEvent): Buffer {
  const target = Buffer.alloc(maxEncodedSize(Buffer.byteLength(JSON.stringify(event))));
  return target.subarray(0, encodeEvent(event, target, 0));
}

function linesOf(records: Buffer[]): string {
  const lines = createJsonLines(100);
  for (const record of records) {
    // As in a daily file: between others.
    const source = Buffer.concat([Buffer.from([1, 2, 3]), record, Buffer.from([0x3a, 0x22])]);
    lines.add(source, 3, 3 + record.length);
  }
  return lines.bytes().toString();
}

const jsonOf = (events: NostrEvent[]) => events.map((event) => `${JSON.stringify(event)}\n`).join("");

test("an encoded event becomes the line that JSON.stringify makes of it", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 20 }), (events) => {
      expect(linesOf(events.map(encoded))).toBe(jsonOf(events));
    }),
    { numRuns: 300 },
  );
  expect(linesOf(oddEvents.map(encoded))).toBe(jsonOf(oddEvents));
});

test("every character that JSON escapes is escaped alike", () => {
  const content = Array.from({ length: 0x250 }, (_, code) => String.fromCharCode(code)).join("");
  const events = oddEvents.slice(0, 1).map((event) => ({ ...event, content, tags: [[content], []] }));
  expect(linesOf(events.map(encoded))).toBe(jsonOf(events));
});

test("an event whose fields another tool wrote in another order is read too", () => {
  const [event] = oddEvents.filter(({ content }) => content === "before 1970");
  const record = encoded(event);
  // The id moved behind the rest.
  expect(linesOf([Buffer.concat([record.subarray(66), record.subarray(0, 66)])])).toBe(jsonOf([event]));
});

test("bytes that are no event are refused", () => {
  expect(() => linesOf([Buffer.from("hello, this is no event")])).toThrow();
  for (const event of oddEvents.slice(0, 5))
    for (const missing of [1, 5, 70]) {
      expect(() => linesOf([encoded(event).subarray(0, -missing)])).toThrow();
      // Cut short at the end of what there is.
      const cut = encoded(event).subarray(0, -missing);
      expect(() => createJsonLines(100).add(cut, 0, cut.length + missing)).toThrow();
    }
});
