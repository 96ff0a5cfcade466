import type { NostrEvent } from "../../cli/event/event.ts";

/** A filter as clients write it (NIP-01). */
export interface JsonFilter {
  ids?: string[];
  authors?: string[];
  kinds?: number[];
  since?: number;
  until?: number;
  limit?: number;
  search?: string;
  [tag: `#${string}`]: string[];
}

/** What a relay must answer: the events of each filter up to its limit, newest first, lower ids first in a second. */
export function naiveQuery(events: NostrEvent[], filters: JsonFilter[], defaultLimit: number): NostrEvent[] {
  const sorted = events.toSorted((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
  const found = new Set(
    filters.flatMap((filter) => {
      const limit = filter.limit ?? filter.ids?.length ?? defaultLimit;
      return sorted.filter((event) => matches(event, filter)).slice(0, limit);
    }),
  );
  return sorted.filter((event) => found.has(event));
}

function matches(event: NostrEvent, filter: JsonFilter): boolean {
  if (filter.ids?.includes(event.id) === false || filter.authors?.includes(event.pubkey) === false) return false;
  if (filter.kinds?.includes(event.kind) === false) return false;
  if (event.created_at < (filter.since ?? -Infinity) || event.created_at > (filter.until ?? Infinity)) return false;
  if (!event.content.includes(filter.search ?? "")) return false;
  return Object.entries(filter).every(
    ([key, values]) =>
      !key.startsWith("#") ||
      (Array.isArray(values) && event.tags.some(([name, value]) => `#${name}` === key && values.includes(value))),
  );
}
