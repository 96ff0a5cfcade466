import { z } from "zod";
import type { NostrEvent } from "../event/event.ts";

/** What events are asked for (NIP-01). A field that is null asks for nothing; all others must match. */
export interface Filter {
  /** 64 lowercase hex digits each. */
  ids: string[] | null;
  authors: string[] | null;
  /** Ranges, both ends included. */
  kinds: [number, number][] | null;
  /** Unix seconds, included. */
  since: number | null;
  until: number | null;
  /** At most so many events, the first ones in the order asked for. */
  limit: number | null;
  /** Tags of which one value each must be the first of an event's tag of that name. */
  tags: { name: string; values: string[] }[];
  search: { text: string; ignoreCase: boolean } | null;
}

const TAG_KEY = /^#[a-zA-Z]$/;
const hex64 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lowercase hex digits");
const tagValues = z.array(z.string());
/** NIP-01 wants these tags asked for by whole ids and pubkeys. */
const TAGS_OF_KEYS = new Set(["#e", "#p"]);
const timestamp = z.number().int();

/** A NIP-01 filter as JSON has it, with the field `search` of NIP-50 as a part of the content. Keys that NIP-01 does not know are errors. */
export const filterSchema = z
  .object({
    ids: z.array(hex64).optional(),
    authors: z.array(hex64).optional(),
    kinds: z.array(z.number().int()).optional(),
    since: timestamp.optional(),
    until: timestamp.optional(),
    limit: z.number().int().min(0).optional(),
    search: z.string().optional(),
  })
  .catchall(z.unknown())
  .transform(({ ids, authors, kinds, since, until, limit, search, ...others }, context): Filter => {
    const tags: Filter["tags"] = [];
    for (const [key, value] of Object.entries(others)) {
      if (!TAG_KEY.test(key)) {
        context.addIssue({ code: "custom", path: [key], message: "is no field of a filter (NIP-01)" });
        continue;
      }
      const values = (TAGS_OF_KEYS.has(key) ? z.array(hex64) : tagValues).safeParse(value);
      if (values.success) tags.push({ name: key.slice(1), values: values.data });
      else
        for (const { message, path } of values.error.issues)
          context.addIssue({ code: "custom", path: [key, ...path], message });
    }
    return {
      ids: ids ?? null,
      authors: authors ?? null,
      kinds: kinds?.map((kind): [number, number] => [kind, kind]) ?? null,
      since: since ?? null,
      until: until ?? null,
      limit: limit ?? null,
      tags,
      search: search === undefined ? null : { text: search, ignoreCase: false },
    };
  });

/** Whether the index alone says which events match. */
export function isDecidedByIndex({ tags, search }: Pick<Filter, "tags" | "search">): boolean {
  return tags.length === 0 && search === null;
}

/** Whether `n` is in one of the ranges, both ends included. */
export function isInRanges(n: number, ranges: [number, number][]): boolean {
  return ranges.some(([from, to]) => n >= from && n <= to);
}

/** Whether the event has a tag with one of the values; numbers and the like in its place match nothing. */
export function hasTag({ tags }: NostrEvent, name: string, values: { includes(value: string): boolean }): boolean {
  return tags.some(([key, value]) => key === name && typeof value === "string" && values.includes(value));
}

/** Whether the text that is searched for is a part of `content`. */
export function containsText(content: string, { text, ignoreCase }: NonNullable<Filter["search"]>): boolean {
  return ignoreCase ? content.toLowerCase().includes(text.toLowerCase()) : content.includes(text);
}
