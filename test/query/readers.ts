import { expect } from "bun:test";
import { openArchive } from "../../cli/archive/open.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { createS3Clients } from "../../cli/net/s3.ts";
import type { Filter } from "../../cli/query/filter.ts";
import { type EventReader, openReader } from "../../cli/query/reader.ts";

export const EVERYTHING: Filter = {
  ids: null,
  authors: null,
  kinds: null,
  since: null,
  until: null,
  limit: null,
  tags: [],
  search: null,
};

/** Opens readers of local archives, to close them all at the end. */
export function openReaders() {
  const readers: EventReader[] = [];
  return {
    open: async (path: string, threads = 0): Promise<EventReader> => {
      const archive = await openArchive({ kind: "local", folder: path }, createS3Clients());
      const reader = openReader(archive, { threads, cacheBytes: 64e6 });
      readers.push(reader);
      return reader;
    },
    close: () => {
      for (const reader of readers) reader.close();
    },
  };
}

/** All that a search finds. */
export function search(reader: EventReader, filters: Filter[]): Promise<NostrEvent[]> {
  return Array.fromAsync(reader.search(filters, { signal: new AbortController().signal, maxScanned: null }));
}

/** Faster than a deep comparison of thousands of events, and as exact: their fields have one order. */
export function expectSame(found: NostrEvent[], expected: NostrEvent[]): void {
  const ids = (events: NostrEvent[]) => events.map(({ id }) => id);
  expect(ids(found)).toEqual(ids(expected));
  expect(JSON.stringify(found) === JSON.stringify(expected)).toBe(true);
}
