import fc from "fast-check";
import { finalizeEvent } from "nostr-tools/pure";
import type { NostrEvent, TagValue } from "../cli/event/event.ts";

/** An event signed with a fixed key. */
export function signedEvent(
  draft: Partial<Pick<NostrEvent, "created_at" | "kind" | "content">> & { tags?: string[][] } = {},
): NostrEvent {
  const { id, pubkey, created_at, kind, tags, content, sig } = finalizeEvent(
    { created_at: 1_700_000_000, kind: 1, tags: [], content: "hello", ...draft },
    new Uint8Array(32).fill(7),
  );
  return { id, pubkey, created_at, kind, tags, content, sig };
}

const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(..."0123456789abcdef"), { minLength: digits, maxLength: digits })
    .map((chars) => chars.join(""));

/** Any text that has a UTF-8 form. */
const text = fc.string({ unit: "binary", maxLength: 200 });

const tagValue: fc.Arbitrary<TagValue> = fc.oneof(
  { weight: 8, arbitrary: text },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
    ),
  },
);

/** Events of the right form, with ids and signatures that are not checked. */
export const anyEvent: fc.Arbitrary<NostrEvent> = fc.record({
  id: hex(64),
  pubkey: hex(64),
  created_at: fc.oneof(
    fc.integer({ min: 0, max: 2_000_000_000 }),
    fc.integer({ min: -62_167_219_200, max: 253_402_300_799 }),
  ),
  kind: fc.oneof(fc.integer({ min: 0, max: 65_535 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  tags: fc.array(fc.array(tagValue, { maxLength: 6 }), { maxLength: 8 }),
  content: fc.oneof(text, fc.string({ minLength: 0, maxLength: 40_000 })),
  sig: hex(128),
});

/** Few times and ids, so that the same come up again. */
export const crowdedEvent: fc.Arbitrary<NostrEvent> = fc
  .record({ n: fc.integer({ min: 0, max: 30 }), signature: fc.integer({ min: 0, max: 2 }) })
  .map(({ n, signature }) => ({
    id: n.toString(16).padStart(64, "0"),
    pubkey: "ab".repeat(32),
    created_at: 1_700_000_000 + (n % 4),
    kind: n,
    tags: [],
    content: "x".repeat(n * 5),
    sig: signature.toString().repeat(128),
  }));
