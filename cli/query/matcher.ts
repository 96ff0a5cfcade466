import type { NostrEvent } from "../event/event.ts";
import { containsText, type Filter, hasTag, isDecidedByIndex } from "./filter.ts";

/** The part of a filter that the index does not decide. */
export type ContentFilter = Pick<Filter, "tags" | "search">;

/** Tells whether an event has what a filter asks of its content. */
export interface Matcher {
  /** Whether it asks for nothing, so that all events match. */
  takesAll: boolean;
  /** False when the bytes of an encoded event show that it cannot match; much cheaper than to decode it. */
  mayMatch(record: Buffer): boolean;
  matches(event: NostrEvent): boolean;
}

/** More values than these cost more to look for in the bytes than the event to decode. */
const MAX_VALUES_IN_BYTES = 16;

export function createMatcher({ tags, search }: ContentFilter): Matcher {
  const needles = tags
    .filter(({ values }) => values.length <= MAX_VALUES_IN_BYTES)
    .map(({ values }) => values.map((value) => Buffer.from(value)));
  if (search !== null && !search.ignoreCase) needles.push([Buffer.from(search.text)]);
  const wanted = tags.map(({ name, values }) => {
    const set = new Set(values);
    return { name, values: { includes: (value: string) => set.has(value) } };
  });
  return {
    takesAll: isDecidedByIndex({ tags, search }),
    mayMatch: (record) => needles.every((values) => values.some((value) => record.includes(value))),
    matches: (event) =>
      wanted.every(({ name, values }) => hasTag(event, name, values)) &&
      (search === null || containsText(event.content, search)),
  };
}
