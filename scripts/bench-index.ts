// Measures how fast an index is built and how large it is, beside the layout before, from the same rows in one run; then `index rebuild`.
import { Database } from "bun:sqlite";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { createIndexBuilder } from "../cli/index/build.ts";
import { createS3Clients } from "../cli/net/s3.ts";
import { type DayRecord, readDayRecord, readRows } from "../cli/reduce/day-rows.ts";
import { scanDay } from "../cli/reduce/scan-day.ts";
import { formatBytes, formatCount } from "../cli/report/format.ts";
import { dayOfFile, INDEX_FILE } from "../cli/store/layout.ts";
import { generateDump } from "./generator/generate.ts";
import { peakMemory } from "./peak-memory.ts";

const TAGS = ["d", "e", "p", "t"];
const MAIN = join(import.meta.dir, "../cli/main.ts");
/** As an ordinary program would: ids in hex, indexes first, all in one transaction. */
const EARLIER_LAYOUT = `
CREATE TABLE events(id TEXT PRIMARY KEY, kind INTEGER, pubkey TEXT, created_at INTEGER, file_path TEXT, indexed_at INTEGER);
CREATE INDEX earlier_kind ON events(kind);
CREATE INDEX earlier_pubkey ON events(pubkey);
CREATE INDEX earlier_created_at ON events(created_at);
CREATE INDEX earlier_file ON events(file_path);`;

const args = await yargs(hideBin(process.argv))
  .usage(
    "$0\n\nPrints rows/s and bytes a row of index.db, with and without tags, beside the layout before; and index rebuild.",
  )
  .option("lines", { type: "number", default: 300_000, describe: "Lines of the generated dump" })
  .option("dir", { type: "string", default: tmpdir(), describe: "Where to work" })
  .strict()
  .parseAsync();

const folder = join(args.dir, "proton-beam-bench-index");
const archive = join(folder, "archive");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const dump = join(folder, "dump.jsonl");
await generateDump(dump, { seed: "index", lines: args.lines, days: 30, duplicates: 0, invalid: 0 }, 2);
await runCli(["convert", dump, "-o", archive, "--no-progress"]);
rmSync(dump);

const days = await scanAll(TAGS);
const events = days.reduce((sum, { record }) => sum + record.events, 0);
console.log(`${formatCount(events)} events of ${days.length} days, ${formatBytes(dailyBytes())} of daily files\n`);

const earlier = measure("the layout before", () => buildEarlier(join(folder, "earlier.db")));
const tagged = measure(`index.db with tags ${TAGS.join(",")}`, () => build(join(folder, "tagged.db"), TAGS));
const plain = measure("index.db", () => build(join(folder, "plain.db"), []));
console.log(`${(countTags(join(folder, "tagged.db")) / events).toFixed(2)} tags an event on average\n`);

const rebuilds: Record<string, number> = {};
// Without tags first: an archive keeps those it has.
for (const tags of [[], ["--index-tags", TAGS.join(",")]]) {
  for (const threads of ["1", "2"]) {
    const started = performance.now();
    const peak = await runCli(["index", "rebuild", archive, "-j", threads, "--no-progress", ...tags]);
    const perSecond = events / ((performance.now() - started) / 1000);
    const name = `index rebuild -j ${threads}${tags.length > 0 ? " with tags" : ""}`;
    rebuilds[name] = perSecond;
    console.log(`${name.padEnd(34)} ${formatCount(perSecond).padStart(10)} events/s  peak memory ${formatBytes(peak)}`);
  }
}

const ratio = (a: number, b: number) => (a / b).toFixed(2);
console.log("\nratios");
console.log(`  rows/s, index.db / the layout before            ${ratio(plain.perSecond, earlier.perSecond)}`);
console.log(`  rows/s, index.db with tags / the layout before  ${ratio(tagged.perSecond, earlier.perSecond)}`);
console.log(`  bytes, index.db / the layout before             ${ratio(plain.bytes, earlier.bytes)}`);
console.log(`  bytes, index.db with tags / the layout before   ${ratio(tagged.bytes, earlier.bytes)}`);
console.log(
  `  index rebuild, 2 threads / 1                    ${ratio(rebuilds["index rebuild -j 2"], rebuilds["index rebuild -j 1"])}`,
);
rmSync(folder, { recursive: true });

interface Scanned {
  path: string;
  rowsPath: string;
  record: DayRecord;
}

/** The rows that indexes are built from. */
async function scanAll(indexTags: string[]): Promise<Scanned[]> {
  const found: Scanned[] = [];
  for (const path of readdirSync(archive).sort()) {
    const day = dayOfFile(path);
    if (day === null) continue;
    const rowsPath = join(folder, `${path}.rows`);
    await scanDay({ location: { kind: "local", folder: archive }, path, day, rowsPath, indexTags }, createS3Clients());
    const record = readDayRecord(rowsPath, null);
    if (record !== null) found.push({ path, rowsPath, record });
  }
  return found;
}

function build(path: string, tags: string[]): string {
  const index = createIndexBuilder(path, tags);
  for (const day of days) index.addDay(day.path, 0, day.record.members, readRows(day.rowsPath, day.record.rows));
  index.finish();
  return path;
}

function buildEarlier(path: string): string {
  const db = new Database(path);
  db.exec(EARLIER_LAYOUT);
  db.run("BEGIN");
  const insert = db.prepare<unknown, [string, number, string, number, string, number]>(
    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)",
  );
  for (const day of days)
    for (const { id, kind, pubkey, createdAt } of readRows(day.rowsPath, day.record.rows))
      insert.run(Buffer.from(id).toString("hex"), kind, Buffer.from(pubkey).toString("hex"), createdAt, day.path, 0);
  db.run("COMMIT");
  db.close();
  return path;
}

function measure(name: string, make: () => string): { perSecond: number; bytes: number } {
  const started = performance.now();
  const path = make();
  const perSecond = events / ((performance.now() - started) / 1000);
  const { size } = statSync(path);
  console.log(
    `${name.padEnd(34)} ${formatCount(perSecond).padStart(10)} rows/s  ${(size / events).toFixed(0).padStart(5)} bytes a row`,
  );
  return { perSecond, bytes: size };
}

function countTags(path: string): number {
  const db = new Database(path, { readonly: true });
  const count = db.query<{ n: number }, []>("SELECT count(*) AS n FROM tag").get()?.n ?? 0;
  db.close();
  return count;
}

function dailyBytes(): number {
  return readdirSync(archive)
    .filter((name) => name !== INDEX_FILE && name.endsWith(".pb.gz"))
    .reduce((sum, name) => sum + statSync(join(archive, name)).size, 0);
}

/** @returns the most memory that the program had, bytes */
async function runCli(command: string[]): Promise<number> {
  const child = Bun.spawn([process.execPath, "run", MAIN, ...command], { stdout: "ignore", stderr: "inherit" });
  const peak = await peakMemory(child);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed`);
  return peak;
}
