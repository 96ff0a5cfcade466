import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Filter, filterSchema } from "../../cli/query/filter.ts";
import { createMatcher } from "../../cli/query/matcher.ts";
import { parseEventId, parsePubkey } from "../../cli/query/nip19.ts";
import { signedEvent } from "../events.ts";
import { anyFilter, crowdedEvents, naiveSearch } from "./crowd.ts";
import { EVERYTHING } from "./readers.ts";

const events = crowdedEvents(300);

test("what a filter asks of tags and text is matched as by a relay that looks at every event", () => {
  fc.assert(
    fc.property(anyFilter, ({ tags, search }) => {
      const expected = new Set(naiveSearch(events, [{ ...EVERYTHING, tags, search }], "newest"));
      const matcher = createMatcher({ tags, search });
      expect(events.filter((event) => matcher.matches(event))).toEqual(events.filter((one) => expected.has(one)));
      if (matcher.takesAll) expect(expected.size).toBe(events.length);
    }),
  );
});

test("a filter in JSON is read as NIP-01 has it", () => {
  const id = "ab".repeat(32);
  const full = { ids: [id], authors: [id], kinds: [1, 7], since: 1, until: 2, limit: 0, "#e": [id], "#T": ["x", ""] };
  expect(filterSchema.parse({ ...full, search: "text" })).toEqual({
    ids: [id],
    authors: [id],
    kinds: [
      [1, 1],
      [7, 7],
    ],
    since: 1,
    until: 2,
    limit: 0,
    tags: [
      { name: "e", values: [id] },
      { name: "T", values: ["x", ""] },
    ],
    search: { text: "text", ignoreCase: false },
  } satisfies Filter);
  expect(filterSchema.parse({})).toEqual(EVERYTHING);
});

test("only the first value of a tag is asked for, and only if it is text", () => {
  const event = { ...signedEvent(), tags: [["R", "pow", 0], ["t", 5], ["t"], ["x", "a", "b"], []] };
  const has = (name: string, value: string) =>
    createMatcher({ tags: [{ name, values: [value] }], search: null }).matches(event);
  expect(has("R", "pow")).toBe(true);
  expect(has("x", "a")).toBe(true);
  expect([has("t", "5"), has("t", ""), has("x", "b"), has("r", "pow")]).toEqual([false, false, false, false]);
});

test("ids and keys are read in the forms of NIP-19 and NIP-21", () => {
  // The examples of NIP-19.
  const npub = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg";
  const nprofile =
    "nprofile1qqsrhuxx8l9ex335q7he0f09aej04zpazpl0ne2cgukyawd24mayt8gpp4mhxue69uhhytnc9e3k7mgpz4mhxue69uhkg6nzv9ejuumpv34kytnrdaksjlyr9p";
  expect(parsePubkey(npub)).toBe("7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e");
  expect(parsePubkey(`nostr:${npub}`)).toBe(parsePubkey(npub));
  expect(parsePubkey(nprofile)).toBe("3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d");
  expect(() => parseEventId(npub)).toThrow("is no event id");
  const nsec = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5";
  for (const parse of [parseEventId, parsePubkey]) {
    expect(() => parse(nsec)).toThrow(/^a secret key \(nsec1…\) is no/);
    for (const text of ["", "ab", "note1", "ab".repeat(33), npub.slice(0, -1)])
      expect(() => parse(text)).toThrow("is no");
  }
});
