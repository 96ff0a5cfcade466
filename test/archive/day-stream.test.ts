import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { type DayPart, readDayParts, splitRecords } from "../../cli/archive/day-stream.ts";
import { decodeEvent } from "../../cli/event/decode.ts";
import { readDayFile } from "../run/archive.ts";
import { convertOk, makeDump, temporaryFolder } from "../run/cli.ts";

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function partsOf(bytes: Uint8Array, size = 10_000): Promise<DayPart[]> {
  const parts: DayPart[] = [];
  for await (const part of readDayParts("day", inPieces(bytes, size)))
    parts.push("block" in part ? { block: { ...part.block, records: Buffer.from(part.block.records) } } : part);
  return parts;
}

function eventsOf(parts: DayPart[]) {
  return parts.flatMap((part) =>
    "member" in part
      ? []
      : [...splitRecords(part.block.records)].map(({ at, start, end }) => ({
          member: part.block.member,
          position: part.block.position + at,
          event: decodeEvent(part.block.records.subarray(start, end)),
        })),
  );
}

test("a daily file comes with its members and the place of each event, however it was compressed", async () => {
  using folder = temporaryFolder();
  const { path } = await makeDump(folder.path, "dump.jsonl", { lines: 4000, days: 1 });
  await convertOk([path, "-o", folder.join("archive")]);
  const names = readdirSync(folder.join("archive")).filter((name) => name.endsWith(".pb.gz"));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) {
    const file = join(folder.join("archive"), name);
    const stored = readFileSync(file);
    const expected = readDayFile(file);

    const parts = await partsOf(stored);
    const members = parts.flatMap((part) => ("member" in part ? [part.member] : []));
    expect(members.reduce((sum, { length }) => sum + length, 0)).toBe(stored.length);
    expect(members.reduce((sum, { events }) => sum + events, 0)).toBe(expected.length);
    const found = eventsOf(parts);
    expect(found.map(({ event }) => event)).toEqual(expected);
    const contents = members.map(({ offset, length }) => gunzipSync(stored.subarray(offset, offset + length)));
    for (const { member, position, event } of found) {
      const content = contents[member];
      const [first] = splitRecords(content.subarray(position));
      expect(decodeEvent(content.subarray(position + first.start, position + first.end)).id).toBe(event.id);
    }

    // As other tools write it: one member.
    const single = await partsOf(gzipSync(gunzipSync(stored)));
    expect(single.filter((part) => "member" in part)).toHaveLength(1);
    expect(eventsOf(single).map(({ event }) => event)).toEqual(expected);
  }
}, 30_000);

test("content that is no row of events is named", async () => {
  for (const content of ["hello world, this is text", "\x05abc", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"])
    expect(partsOf(gzipSync(Buffer.from(content, "latin1")))).rejects.toThrow(
      "day: the gzip member at byte 0 holds something else than whole events",
    );
});
