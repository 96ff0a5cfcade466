import { z } from "zod";
import { parseLocation } from "../archive/location.ts";
import { type Archive, openArchive } from "../archive/open.ts";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { createS3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { type Filter, filterSchema } from "./filter.ts";
import { parseEventId, parsePubkey } from "./nip19.ts";

export const archiveArgsSchema = z.object({ archive: z.string().min(1), ...networkArgsSchema.shape });

/** The archive that the arguments name. */
export function openArchiveOfArgs(args: z.infer<typeof archiveArgsSchema>): Promise<Archive> {
  return openArchive(parseLocation(args.archive, accessOfArgs(args)), createS3Clients());
}

const range = z.tuple([z.number(), z.number()]);

/** What `query` takes to say which events are asked for; see `commands/query.ts`. */
export const filterArgsSchema = z.object({
  filter: z.array(z.string()).default([]),
  ids: z.array(z.string()).optional(),
  authors: z.array(z.string()).optional(),
  kinds: z.array(range).optional(),
  since: z.number().optional(),
  until: z.number().optional(),
  tag: z.array(z.string()).optional(),
  limit: z.number().int().min(0).optional(),
  search: z.string().optional(),
  ignoreCase: z.boolean(),
});
export type FilterArgs = z.infer<typeof filterArgsSchema>;

/**
 * The filters that arguments stand for: those in JSON, or the one of the options, or one for all events.
 * @throws {ProtonBeamError} usage: what is wrong with a filter
 */
export function filtersOfArgs(args: FilterArgs): Filter[] {
  const { filter, ignoreCase, ids, authors, kinds, since, until, tag, limit, search } = args;
  const options = { ids, authors, kinds, since, until, tag, limit, search };
  const used = Object.entries(options).filter(([, value]) => value !== undefined);
  if (filter.length > 0 && used.length > 0)
    throw usage(`give filters as JSON or as options, not both: ${filter[0]} and --${used[0][0]}`);
  const filters = filter.length > 0 ? filter.map(parseFilter) : [filterOfOptions(options)];
  return filters.map((one) => ({ ...one, search: one.search === null ? null : { ...one.search, ignoreCase } }));
}

function parseFilter(text: string): Filter {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usage(
      `${text} is no filter, which is a JSON object such as {"kinds":[1],"limit":10}: ${errorMessage(error)}`,
    );
  }
  const parsed = filterSchema.safeParse(value);
  if (!parsed.success) throw usage(`the filter ${text} is wrong:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function filterOfOptions(options: Omit<FilterArgs, "filter" | "ignoreCase">): Filter {
  const { ids, authors, kinds, since, until, tag, limit, search } = options;
  return {
    ids: ids === undefined ? null : valuesOf("ids", ids, parseEventId),
    authors: authors === undefined ? null : valuesOf("authors", authors, parsePubkey),
    kinds: kinds ?? null,
    since: since ?? null,
    until: until ?? null,
    limit: limit ?? null,
    tags: tagsOf(tag ?? []),
    search: search === undefined ? null : { text: search, ignoreCase: false },
  };
}

function valuesOf(option: string, lists: string[], parse: (text: string) => string): string[] {
  return lists.flatMap((list) => list.split(",")).map((text) => parsed(option, text.trim(), parse));
}

function parsed(option: string, text: string, parse: (text: string) => string): string {
  try {
    return parse(text);
  } catch (error) {
    throw usage(`--${option}: ${errorMessage(error)}`);
  }
}

/** `e=VALUE` each → values by name */
function tagsOf(texts: string[]): Filter["tags"] {
  const values = new Map<string, string[]>();
  for (const text of texts) {
    const match = /^([a-zA-Z])=(.*)$/s.exec(text);
    if (match === null) throw usage(`--tag: "${text}" is no tag; write a letter and a value, such as t=nostr`);
    const [, name, value] = match;
    const parse = name === "e" ? parseEventId : name === "p" ? parsePubkey : null;
    values.set(name, [...(values.get(name) ?? []), parse === null ? value : parsed("tag", value, parse)]);
  }
  return [...values].map(([name, list]) => ({ name, values: list }));
}

function usage(message: string): ProtonBeamError {
  return new ProtonBeamError(message, EXIT.usage);
}
