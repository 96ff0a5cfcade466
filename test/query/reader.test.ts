import { Database } from "bun:sqlite";
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { dayName, dayOf } from "../../cli/event/date.ts";
import { encodeEvent, maxEncodedSize } from "../../cli/event/encode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { varintSize, writeVarint } from "../../cli/event/varint.ts";
import { INDEXES, TABLES } from "../../cli/index/schema.ts";
import type { Filter } from "../../cli/query/filter.ts";
import type { EventReader } from "../../cli/query/reader.ts";
import { readArchive } from "../run/archive.ts";
import { temporaryFolder } from "../run/cli.ts";
import { addTagIndex, anyFilter, makeCrowdedArchive, naiveSearch } from "./crowd.ts";
import { EVERYTHING, expectSame, openReaders, search } from "./readers.ts";

setDefaultTimeout(60_000);
const signal = new AbortController().signal;
const folder = temporaryFolder();
const readers = openReaders();
afterAll(() => {
  readers.close();
  folder[Symbol.dispose]();
});

async function oldestFirst(reader: EventReader, filters: Filter[]): Promise<NostrEvent[]> {
  const parts = await Array.fromAsync(reader.findings(filters, "oldest-first", { signal, maxScanned: null }));
  return parts.flatMap(({ lines, events }) => {
    const texts = Buffer.from(lines).toString().split("\n").slice(0, -1);
    expect(texts).toHaveLength(events);
    return texts.map((json) => JSON.parse(json));
  });
}

const crowd = await makeCrowdedArchive(folder.path, 2500);
const crowdEvents = readArchive(crowd);
const tagged = folder.join("tagged");
cpSync(crowd, tagged, { recursive: true });
addTagIndex(tagged, ["e", "t"]);

/** The same events as another tool may have them: one member a day, in any order, with an index. */
function makeForeignArchive(path: string, events: NostrEvent[]): void {
  const days = Map.groupBy(
    events.toSorted((a, b) => (a.sig + a.id.slice(9) < b.sig + b.id.slice(9) ? -1 : 1)),
    (event) => dayOf(event.created_at),
  );
  const db = new Database(join(path, "index.db"), { create: true });
  db.run(TABLES);
  db.run("BEGIN");
  for (const [day, some] of days) {
    const name = `${dayName(day)}.pb.gz`;
    const parts: Buffer[] = [];
    let position = 0;
    const places = some.map((event) => {
      const record = Buffer.alloc(maxEncodedSize(JSON.stringify(event).length));
      const length = encodeEvent(event, record, 0);
      const prefix = Buffer.alloc(varintSize(length));
      writeVarint(prefix, 0, length);
      parts.push(prefix, record.subarray(0, length));
      const at = position;
      position += prefix.length + length;
      return { event, at };
    });
    const bytes = gzipSync(Buffer.concat(parts));
    writeFileSync(join(path, name), bytes);
    db.run("INSERT INTO file(path) VALUES (?)", [name]);
    db.run("INSERT INTO member(file, offset, length, size, events) VALUES (last_insert_rowid(), 0, ?, ?, ?)", [
      bytes.length,
      position,
      some.length,
    ]);
    const member = db.query<{ id: number }, []>("SELECT max(id) AS id FROM member").get()?.id ?? 0;
    for (const { event, at } of places) {
      db.run("INSERT OR IGNORE INTO pubkey(pubkey) VALUES (?)", [Buffer.from(event.pubkey, "hex")]);
      db.run(
        "INSERT INTO event(id, pubkey, created_at, kind, member, position) SELECT ?, id, ?, ?, ?, ? FROM pubkey WHERE pubkey = ?",
        [Buffer.from(event.id, "hex"), event.created_at, event.kind, member, at, Buffer.from(event.pubkey, "hex")],
      );
    }
  }
  db.run("COMMIT");
  db.run(INDEXES);
  db.close();
}

const foreign = temporaryFolder();
afterAll(() => foreign[Symbol.dispose]());
makeForeignArchive(foreign.path, crowdEvents);

describe("any filters give what looking at every event gives", () => {
  for (const [name, path, runs] of [
    ["an archive", crowd, 100],
    ["with an index of tags", tagged, 140],
    ["of another tool", foreign.path, 40],
  ] as const)
    test(name, async () => {
      const reader = await readers.open(path);
      let answered = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(anyFilter, { minLength: 1, maxLength: 3 }), async (filters) => {
          const expected = naiveSearch(crowdEvents, filters, "newest");
          if (expected.length > 0) answered++;
          expectSame(await search(reader, filters), expected);
          expect(await reader.count(filters, signal)).toBe(expected.length);
          expectSame(await oldestFirst(reader, filters), naiveSearch(crowdEvents, filters, "oldest"));
        }),
        { numRuns: runs },
      );
      expect(answered).toBeGreaterThan(runs / 3);
    });
});

test("get finds every event, and nothing else", async () => {
  for (const path of [crowd, foreign.path]) {
    const reader = await readers.open(path);
    for (const event of crowdEvents.slice(0, 300)) expect(await reader.get(event.id)).toEqual(event);
    expect(await reader.get("0".repeat(64))).toBeNull();
    // Side by side they share what is read.
    const all = await Promise.all(crowdEvents.map(({ id }) => reader.get(id)));
    expect(all).toEqual(crowdEvents);
  }
});

describe("damage is told", () => {
  const firstFile = (path: string) => join(path, readdirSync(path).filter((name) => name.endsWith(".pb.gz"))[0]);
  const copyOf = (path: string, name: string) => {
    const copy = folder.join(name);
    cpSync(path, copy, { recursive: true });
    return copy;
  };
  const all = async (path: string) => search(await readers.open(path), [EVERYTHING]);

  test("a damaged member", async () => {
    const path = copyOf(crowd, "damaged");
    const bytes = readFileSync(firstFile(path));
    bytes[bytes.length >> 1] ^= 0x55;
    writeFileSync(firstFile(path), bytes);
    await expect(all(path)).rejects.toThrow(/: the gzip member at byte \d+ is damaged: .*proton-beam verify/);
  });

  test("a large member", async () => {
    const path = copyOf(foreign.path, "damaged-large");
    const db = new Database(join(path, "index.db"));
    db.run("UPDATE member SET size = size + ?", [40 * 1024 ** 2]);
    db.close();
    expectSame(await all(path), naiveSearch(crowdEvents, [EVERYTHING], "newest"));
    const bytes = readFileSync(firstFile(path));
    bytes[bytes.length >> 1] ^= 0x55;
    writeFileSync(firstFile(path), bytes);
    await expect(all(path)).rejects.toThrow(/: the gzip member at byte 0 is damaged: .*proton-beam verify/);
  });

  test("a file that is cut short, or gone", async () => {
    const path = copyOf(crowd, "cut");
    truncateSync(firstFile(path), 1000);
    await expect(all(path)).rejects.toThrow(/ends before byte \d+.*verify/);
    rmSync(firstFile(path));
    await expect(all(path)).rejects.toThrow("ENOENT");
  });

  test("an index of other files", async () => {
    const path = copyOf(crowd, "moved");
    const db = new Database(join(path, "index.db"));
    db.run("UPDATE event SET position = position + 3");
    db.close();
    const error = await all(path).catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/has at byte \d+ of its content another event than the index says, or none/);
  });

  test("an index that is none", async () => {
    const path = copyOf(crowd, "no-index");
    writeFileSync(join(path, "index.db"), "this is no database ".repeat(1000));
    await expect(readers.open(path)).rejects.toThrow(/cannot be read as an index: .*proton-beam index rebuild/);
  });
});
