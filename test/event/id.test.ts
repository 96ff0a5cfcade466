import { expect, test } from "bun:test";
import fc from "fast-check";
import { getEventHash } from "nostr-tools/pure";
import { eventId, hasValidId } from "../../cli/event/id.ts";
import { signedEvent } from "../events.ts";

test("ids are those of nostr-tools for any text without control characters", () => {
  const plain = fc.string({ unit: "grapheme" }).map((text) => text.replace(/\p{Cc}/gu, "\n"));
  fc.assert(
    fc.property(plain, fc.array(fc.array(plain)), fc.integer({ min: 0 }), (content, tags, created_at) => {
      const event = { pubkey: signedEvent().pubkey, kind: 1, created_at, content, tags };
      expect(eventId(event)).toBe(getEventHash(event));
    }),
  );
});

test("control characters count verbatim, as NIP-01 words it, and also escaped, as JSON libraries write them", () => {
  const event = { ...signedEvent(), content: "a\u0000b\u001b\\u0000\t" };
  const verbatim = `[0,"${event.pubkey}",${event.created_at},1,[],"a\u0000b\u001b\\\\u0000\\t"]`;
  const nip01 = Bun.SHA256.hash(verbatim, "hex");
  expect(eventId(event)).toBe(nip01);
  expect(hasValidId({ ...event, id: nip01 })).toBe(true);
  expect(hasValidId({ ...event, id: getEventHash({ ...event, tags: [] }) })).toBe(true);
  expect(hasValidId({ ...event, content: "ab", id: nip01 })).toBe(false);
});

test("an id over a number in a tag is valid for the number only", () => {
  const base = { ...signedEvent(), tags: [["R", "pow", 0]] };
  const event = { ...base, id: eventId(base) };
  expect(hasValidId(event)).toBe(true);
  expect(hasValidId({ ...event, tags: [["R", "pow", "0"]] })).toBe(false);
});
