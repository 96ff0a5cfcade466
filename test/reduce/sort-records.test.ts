import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { NostrEvent } from "../../cli/event/event.ts";
import { reduceDay } from "../../cli/reduce/reduce.ts";
import { sortRecords } from "../../cli/reduce/sort-records.ts";
import { anyEvent, crowdedEvent, signedEvent } from "../events.ts";
import { encodeElsewhere, shuffled } from "../foreign.ts";
import { readDayFile } from "../run/archive.ts";
import { temporaryFolder } from "../run/cli.ts";

const DAY = 19_675;

async function* blocksOf(events: NostrEvent[], perBlock: number): AsyncGenerator<Buffer> {
  for (let i = 0; i < events.length; i += perBlock)
    yield Buffer.concat(events.slice(i, i + perBlock).map(encodeElsewhere));
}

async function makeDay(folder: string, events: NostrEvent[], perBlock: number) {
  const runs = await sortRecords(blocksOf(events, perBlock), DAY, `${folder}/sorted.tmp`);
  const filePath = `${folder}/day.pb.gz`;
  const record = reduceDay({
    day: DAY,
    fingerprint: "f",
    runs,
    existing: [],
    indexTags: [],
    filePath,
    rowsPath: `${folder}/day.rows`,
    compressionLevel: 1,
  });
  return { runs, record, filePath };
}

test("events of another encoder, in any order, become the same daily file", async () => {
  using folder = temporaryFolder();
  const ofDay = fc.oneof(
    crowdedEvent,
    anyEvent.map((event) => ({ ...event, created_at: 1_700_000_000 + (event.content.length % 1000) })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(ofDay, { minLength: 1 }), fc.integer({ min: 1, max: 5 }), async (events, perBlock) => {
      const { record, filePath } = await makeDay(folder.path, events, perBlock);
      const bytes = readFileSync(filePath);
      const read = readDayFile(filePath);
      const ids = new Set(events.map(({ id, created_at }) => `${created_at} ${id}`));
      expect(read.map(({ id, created_at }) => `${created_at} ${id}`)).toEqual([...ids].sort());
      for (const event of read) expect(events).toContainEqual(event);
      expect([record.events, record.duplicates]).toEqual([ids.size, events.length - ids.size]);
      const again = await makeDay(folder.path, shuffled(events, "again"), 3);
      expect(readFileSync(again.filePath).equals(bytes)).toBe(true);
    }),
    { numRuns: 60 },
  );
}, 60_000);

test("more than fits at once is sorted in several runs, and of equal events in two of them one is kept", async () => {
  using folder = temporaryFolder();
  const events = Array.from({ length: 70 }, (_, i) => ({
    ...signedEvent(),
    id: Bun.SHA256.hash(`${i % 69}`, "hex"),
    created_at: 1_700_000_000 - (i % 69),
    content: "x".repeat(1024 ** 2),
  }));
  const { runs, record } = await makeDay(folder.path, events, 1);
  expect(runs).toHaveLength(2);
  expect([record.events, record.duplicates]).toEqual([69, 1]);
}, 60_000);

test("an event of another day, one without an id, and bytes that are no event are errors that say so", async () => {
  using folder = temporaryFolder();
  const elsewhere = { ...signedEvent(), created_at: 1_700_100_000 };
  const sort = (events: NostrEvent[]) => sortRecords(blocksOf(events, 1), DAY, folder.join("sorted.tmp"));
  expect(sort([signedEvent(), elsewhere])).rejects.toThrow(
    `the event ${elsewhere.id} is among those of 2023_11_14, but its created_at is 1700100000`,
  );
  expect(sort([{ ...signedEvent(), id: "" }])).rejects.toThrow("no proper id");
  const noise = async function* () {
    yield Buffer.from([3, 0x0f, 0xff, 0xff]);
  };
  expect(sortRecords(noise(), DAY, folder.join("sorted.tmp"))).rejects.toThrow("is no event");
});
