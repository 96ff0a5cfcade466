import { afterAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { dayOf } from "../../cli/event/date.ts";
import { convertOk, makeDump, runCli, temporaryFolder } from "../run/cli.ts";
import { appendEvents, eventsOfDump, oddEvents } from "./dump.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const dump = await makeDump(folder.path, "dump.jsonl", { lines: 3000, days: 3, duplicates: 0.1, invalid: 0.1 });
appendEvents(dump.path, oddEvents);
const archive = folder.join("archive");
await convertOk([dump.path, "-o", archive]);
const all = eventsOfDump(dump.path);

const JANUARY_2 = 19_724;

const compressors = {
  ZSTD: (bytes: Uint8Array) => zstdDecompressSync(bytes),
  GZIP: (bytes: Uint8Array) => Bun.gunzipSync(new Uint8Array(bytes)),
};

function openParquet(path: string): AsyncBuffer {
  const bytes = readFileSync(path);
  return {
    byteLength: bytes.length,
    slice: (start, end) => new Uint8Array(bytes.subarray(start, end)).buffer,
  };
}

async function readEvents(path: string): Promise<object[]> {
  const rows = await parquetReadObjects({ file: openParquet(path), compressors });
  return rows.map((row) => ({ ...row, created_at: Number(row.created_at) }));
}

async function exportTo(path: string, ...args: string[]): Promise<void> {
  const { stderr, exitCode } = await runCli(["export", archive, "-o", path, "--no-progress", ...args]);
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`);
}

test("the columns hold the fields of all events", async () => {
  const path = folder.join("all.parquet");
  await exportTo(path, "-j", "1");
  expect(await readEvents(path)).toEqual(all);

  const metadata = await parquetMetadataAsync(openParquet(path));
  expect(metadata.num_rows).toBe(BigInt(all.length));
  expect(metadata.schema.slice(1).map(({ name, type, repetition_type }) => [name, type, repetition_type])).toEqual([
    ["id", "BYTE_ARRAY", "REQUIRED"],
    ["pubkey", "BYTE_ARRAY", "REQUIRED"],
    ["created_at", "INT64", "REQUIRED"],
    ["kind", "INT32", "REQUIRED"],
    ["tags", "BYTE_ARRAY", "REQUIRED"],
    ["content", "BYTE_ARRAY", "REQUIRED"],
    ["sig", "BYTE_ARRAY", "REQUIRED"],
  ]);

  await exportTo(folder.join("threads.parquet"), "-j", "3");
  expect(readFileSync(folder.join("threads.parquet")).equals(readFileSync(path))).toBe(true);
}, 20_000);

test.each(["none", "gzip"])("with compression %p", async (compress) => {
  const path = folder.join(`${compress}.parquet`);
  await exportTo(path, "--compress", compress, "--days", "2024-01-02");
  const events = await readEvents(path);
  expect(events.length).toBeGreaterThan(500);
  expect(events).toEqual(all.filter(({ created_at }) => dayOf(created_at) === JANUARY_2));
});

test("a file of each day, and one of no events", async () => {
  const days = folder.join("days");
  await exportTo(days, "--format", "parquet", "--split", "day");
  const names = readdirSync(days)
    .filter((name) => !name.startsWith("."))
    .sort();
  expect(names).toEqual(
    readdirSync(archive)
      .filter((name) => name.endsWith(".pb.gz"))
      .sort()
      .map((name) => name.replace(".pb.gz", ".parquet")),
  );
  const events = await Promise.all(names.map((name) => readEvents(join(days, name))));
  expect(events.flat()).toEqual(all);

  await exportTo(folder.join("empty.parquet"), "--days", "2031-01-01");
  expect(await readEvents(folder.join("empty.parquet"))).toEqual([]);
}, 20_000);
