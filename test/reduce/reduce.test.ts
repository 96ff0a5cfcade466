import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { decodeEvent } from "../../cli/event/decode.ts";
import { encodeEvent } from "../../cli/event/encode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { varintSize, writeVarint } from "../../cli/event/varint.ts";
import { createIndexBuilder } from "../../cli/index/build.ts";
import { openIndex } from "../../cli/index/read.ts";
import { createRowWriter, readRows } from "../../cli/reduce/day-rows.ts";
import { mergeRuns, UnsortedError } from "../../cli/reduce/merge.ts";
import { type RunSource, reduceDay } from "../../cli/reduce/reduce.ts";
import { createContainer } from "../../cli/store/container.ts";
import { crowdedEvent } from "../events.ts";
import { splitDelimited } from "../run/archive.ts";
import { temporaryFolder } from "../run/cli.ts";

function encode(event: NostrEvent): Buffer {
  const target = Buffer.alloc(4096);
  return Buffer.from(target.subarray(0, encodeEvent(event, target, 0)));
}

function delimit(record: Uint8Array): Buffer {
  const size = varintSize(record.length);
  const target = Buffer.alloc(size + record.length);
  writeVarint(target, 0, record.length);
  target.set(record, size);
  return target;
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Sorted by (created_at, id), of each id the smallest bytes. */
function sortNaively(events: NostrEvent[]): NostrEvent[] {
  const sorted = events.toSorted(
    (a, b) => a.created_at - b.created_at || compareText(a.id, b.id) || encode(a).compare(encode(b)),
  );
  return sorted.filter((event, i) => i === 0 || event.id !== sorted[i - 1].id);
}

function* toBlocks(events: NostrEvent[], perBlock: number): Generator<Buffer> {
  for (let i = 0; i < events.length; i += perBlock)
    yield Buffer.concat(events.slice(i, i + perBlock).map((event) => delimit(encode(event))));
}

describe("merge", () => {
  test("of any runs, in any order, is the sorted union without duplicates", () => {
    fc.assert(
      fc.property(fc.array(fc.array(crowdedEvent)), fc.integer({ min: 1, max: 4 }), (runs, perBlock) => {
        const sorted = runs.map(sortNaively);
        const merge = (order: NostrEvent[][]) => {
          const events: NostrEvent[] = [];
          const { duplicates } = mergeRuns(
            order.map((run) => toBlocks(run, perBlock)),
            (block, start, end) => events.push(decodeEvent(block.subarray(start, end))),
          );
          expect(duplicates).toBe(order.flat().length - events.length);
          return events;
        };
        expect(merge(sorted)).toEqual(sortNaively(runs.flat()));
        expect(merge(sorted.toReversed())).toEqual(sortNaively(runs.flat()));
      }),
    );
  });

  test("takes no rows for ours whose fields are in another order", () => {
    const event = {
      ...sortNaively(fc.sample(crowdedEvent, { numRuns: 1, seed: 1 }))[0],
      created_at: 1_700_000_000,
      kind: 7,
    };
    const record = encode(event);
    const [keys, times, kind, rest] = [
      [0, 132],
      [132, 138],
      [138, 140],
      [140, record.length],
    ].map(([start, end]) => record.subarray(start, end));
    const mergeOne = (...fields: Uint8Array[]) => mergeRuns([[delimit(Buffer.concat(fields))].values()], () => {});
    expect(mergeOne(keys, times, kind, rest)).toEqual({ duplicates: 0 });
    expect(() => mergeOne(keys, kind, times, rest)).toThrow(UnsortedError);
    expect(() => mergeOne(keys.subarray(66), keys.subarray(0, 66), times, kind, rest)).toThrow(UnsortedError);
    expect(() => mergeOne(times, keys, kind, rest)).toThrow(UnsortedError);
  });
});

/** Events of 2023-11-14, in runs that each have a container of their own. */
function writeRuns(folder: string, count: number, perRun: number): RunSource[] {
  return Array.from({ length: count }, (_, run) => {
    const path = `${folder}/run-${run}`;
    const container = createContainer(path);
    const events = Array.from({ length: perRun }, (_, i) => {
      const n = (i * count + run * 7) % (count * perRun);
      return {
        id: Bun.SHA256.hash(`${n}`, "hex"),
        pubkey: Bun.SHA256.hash(`author ${n % 5}`, "hex"),
        created_at: 1_699_920_000 + (n % 86_400),
        kind: n % 3,
        tags: [],
        content: `event ${n} ${Bun.SHA512.hash(`${n}`, "base64").repeat(12)}`,
        sig: "0".repeat(128),
      };
    });
    for (const event of sortNaively(events)) container.append(delimit(encode(event)));
    const section = container.endSection();
    container.commit(null);
    return { path, section, events: perRun };
  });
}

function reduce(folder: string, name: string, runs: RunSource[]) {
  const filePath = `${folder}/${name}.pb.gz`;
  const rowsPath = `${folder}/${name}.rows`;
  const record = reduceDay({
    day: 19_675,
    fingerprint: "f",
    runs,
    existing: [],
    indexTags: [],
    filePath,
    rowsPath,
    compressionLevel: 6,
  });
  return { record, filePath, rowsPath };
}

describe("a daily file", () => {
  test("is the same from more runs than are merged at once", () => {
    using folder = temporaryFolder();
    const runs = writeRuns(folder.path, 600, 3);
    const many = reduce(folder.path, "many", runs);
    const events = sortNaively(
      runs.flatMap((run) =>
        splitDelimited(gunzipSync(readFileSync(reduce(folder.path, "one", [run]).filePath))).map(decodeEvent),
      ),
    );
    const read = splitDelimited(gunzipSync(readFileSync(many.filePath))).map(decodeEvent);
    expect(read).toEqual(events);
    expect(many.record.duplicates).toBe(1800 - events.length);
    expect(many.record.events).toBe(events.length);
    const reversed = reduce(folder.path, "reversed", runs.toReversed());
    expect(readFileSync(reversed.filePath).equals(readFileSync(many.filePath))).toBe(true);
  });

  test("is read by gzip and zcat, has no timestamp, and every row leads to its event by one ranged read", () => {
    using folder = temporaryFolder();
    const { record, filePath, rowsPath } = reduce(folder.path, "day", writeRuns(folder.path, 20, 200));
    const bytes = readFileSync(filePath);
    expect(record.members.length).toBeGreaterThan(2);
    expect(record.size).toBe(bytes.length);
    expect(record.sha256).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
    expect(Bun.spawnSync(["gzip", "-t", filePath]).exitCode).toBe(0);
    const whole = gunzipSync(bytes);
    expect(Buffer.from(Bun.spawnSync(["zcat", filePath], { maxBuffer: 1e9 }).stdout).equals(whole)).toBe(true);

    const members = record.members.map(({ offset, length, size }) => {
      const member = bytes.subarray(offset, offset + length);
      expect(member.readUInt32LE(4)).toBe(0);
      const raw = gunzipSync(member);
      expect(raw.length).toBe(size);
      return raw;
    });
    for (const raw of members.slice(0, -1)) expect(raw.length).toBeWithin(1024 ** 2, 1024 ** 2 + 4096);
    const rows = [...readRows(rowsPath, record.rows)];
    expect(rows).toHaveLength(record.events);
    for (const row of rows) {
      const event = decodeEvent(splitFirst(members[row.member].subarray(row.position)));
      expect(event.id).toBe(Buffer.from(row.id).toString("hex"));
      expect(event.pubkey).toBe(Buffer.from(row.pubkey).toString("hex"));
      expect([event.created_at, event.kind]).toEqual([row.createdAt, row.kind]);
    }
  });
});

function splitFirst(bytes: Uint8Array): Uint8Array {
  return splitDelimited(bytes)[0];
}

test("a day copied from an index is the day that was added", () => {
  using folder = temporaryFolder();
  const { record, rowsPath } = reduce(folder.path, "day", writeRuns(folder.path, 3, 100));
  const built = createIndexBuilder(folder.join("a.db"));
  built.addDay("2023_11_14.pb.gz", 123, record.members, readRows(rowsPath, record.rows));
  built.finish();
  const source = openIndex(folder.join("a.db"));
  const copy = createIndexBuilder(folder.join("b.db"), [], folder.join("a.db"));
  copy.copyDay("2023_11_14.pb.gz");
  copy.finish();
  const target = openIndex(folder.join("b.db"));
  for (const read of [
    (index: typeof source) => index.members("2023_11_14.pb.gz"),
    (index: typeof source) => index.indexedAt("2023_11_14.pb.gz"),
    (index: typeof source) => [...index.rows("2023_11_14.pb.gz")],
  ])
    expect(read(target)).toEqual(read(source));
  expect([...target.rows("2023_11_14.pb.gz")]).toHaveLength(record.events);
  source.close();
  target.close();
});

test("rows keep positions beyond 4 GiB, as in a large day of another tool in one gzip member", () => {
  using folder = temporaryFolder();
  const path = folder.join("day.rows");
  const rows = createContainer(path);
  const row = {
    id: Buffer.alloc(32, 1),
    pubkey: Buffer.alloc(32, 2),
    createdAt: 1_700_000_000,
    kind: -1,
    member: 3,
    position: 2 ** 33 + 5,
    tags: [1, 2 ** 53 - 1],
  };
  createRowWriter(rows)(row);
  const section = rows.endSection();
  rows.commit({});
  expect([...readRows(path, section)]).toEqual([row]);
});
