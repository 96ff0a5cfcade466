import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Filter } from "../../cli/query/filter.ts";
import { TooBroadError } from "../../cli/query/reader.ts";
import { readArchive } from "../run/archive.ts";
import { convertOk, makeDump, temporaryFolder } from "../run/cli.ts";
import { naiveSearch } from "./crowd.ts";
import { EVERYTHING, expectSame, openReaders, search } from "./readers.ts";

setDefaultTimeout(60_000);
const signal = new AbortController().signal;
const folder = temporaryFolder();
const readers = openReaders();
afterAll(() => {
  readers.close();
  folder[Symbol.dispose]();
});

const large = folder.join("large");
const dump = await makeDump(folder.path, "large.jsonl", { lines: 30_000, days: 3, duplicates: 0, invalid: 0 });
await convertOk([dump.path, "-o", large]);
const events = readArchive(large);

/** Much of the archive, and more than the index is asked for to compare ways. */
const manyAuthors = [...new Set(events.map(({ pubkey }) => pubkey))].slice(0, 700);

test("threads find the same, in the same order", async () => {
  const alone = await readers.open(large);
  const helped = await readers.open(large, 2);
  const filters: Partial<Filter>[] = [
    {},
    { tags: [{ name: "t", values: ["nostr", "zap"] }] },
    { search: { text: "where", ignoreCase: true }, kinds: [[0, 7]] },
    { authors: manyAuthors, kinds: [[1, 1]] },
  ];
  for (const part of filters) {
    const filter = { ...EVERYTHING, ...part };
    const expected = naiveSearch(events, [filter], "newest");
    expect(expected.length).toBeGreaterThan(20);
    expectSame(await search(alone, [filter]), expected);
    expectSame(await search(helped, [filter]), expected);
    expect(await helped.count([filter], signal)).toBe(expected.length);
  }
});

test("a search that is left in the middle leaves the threads to others", async () => {
  const reader = await readers.open(large, 2);
  const left = reader.search([EVERYTHING], { signal, maxScanned: null });
  for (let n = 0; n < 27_500; n++) await left.next();
  await left.return(undefined);
  expectSame(await search(reader, [EVERYTHING]), naiveSearch(events, [EVERYTHING], "newest"));
});

test("a search ends when it is told to", async () => {
  const reader = await readers.open(large, 2);
  const stop = new AbortController();
  let seen = 0;
  for await (const _ of reader.search([EVERYTHING], { signal: stop.signal, maxScanned: null }))
    if (++seen === 27_500) stop.abort();
  expect(seen).toBe(27_500);
  await expect(reader.count([EVERYTHING, EVERYTHING], stop.signal)).rejects.toThrow("abort");
});

test("a search that looks at much in vain is given up", async () => {
  const reader = await readers.open(large);
  const run = (filter: Partial<Filter>, maxScanned: number) =>
    Array.fromAsync(reader.search([{ ...EVERYTHING, ...filter }], { signal, maxScanned })).catch((error) => error);
  const nowhere = { search: { text: "that is nowhere to be found", ignoreCase: false } };
  expect(await run(nowhere, 5000)).toBeInstanceOf(TooBroadError);
  expect(await run(nowhere, 100_000)).toEqual([]);
  // By the index alone.
  expect(await run({ authors: manyAuthors, kinds: [[1, 1]] }, 1000)).toBeInstanceOf(TooBroadError);
});
