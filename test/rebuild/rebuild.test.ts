import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { parseLocation } from "../../cli/archive/location.ts";
import { dayOf } from "../../cli/event/date.ts";
import { decodeEvent } from "../../cli/event/decode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { createS3Clients } from "../../cli/net/s3.ts";
import { accessOfArgs } from "../../cli/net/s3-args.ts";
import { createBucket } from "../../cli/store/bucket.ts";
import { dayFileName } from "../../cli/store/layout.ts";
import { acquireLease } from "../../cli/store/lease.ts";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { signedEvent } from "../events.ts";
import { gzipEvents, shuffled, writeElsewhere } from "../foreign.ts";
import { describeIndex, describeTags, readArchive, splitDelimited } from "../run/archive.ts";
import { convertOk, digests, makeDump, readManifest, runCli, startCli, temporaryFolder } from "../run/cli.ts";

const folder = temporaryFolder();
const server = await startS3Server(folder.join("s3"));
afterAll(async () => {
  await server.stop();
  folder[Symbol.dispose]();
});
Object.assign(process.env, server.env);
process.env.XDG_CACHE_HOME = folder.join("cache");
server.createBucket("archives");
const ENDPOINT = ["--endpoint-url", server.url];

const dump = await makeDump(folder.path, "dump.jsonl", { lines: 4000, days: 12 });
const original = folder.join("original");
await convertOk([dump.path, "-o", original, "--index-tags", "e,t"]);

function copyOf(name: string, without: string[] = ["index.db"]): string {
  const path = folder.join(name);
  cpSync(original, path, { recursive: true });
  for (const file of without) rmSync(join(path, file));
  return path;
}

async function rebuild(...args: string[]) {
  const { exitCode, stdout, stderr } = await runCli(["index", "rebuild", "--no-progress", "--json", ...args]);
  return { exitCode, stderr, summary: exitCode === 0 ? JSON.parse(stdout) : null };
}

async function rebuildOk(...args: string[]) {
  const { exitCode, stderr, summary } = await rebuild(...args);
  expect([exitCode, stderr]).toEqual([0, ""]);
  return summary;
}

function expectOriginal(archive: string): void {
  expect(describeIndex(archive)).toEqual(describeIndex(original));
  expect(describeTags(archive)).toEqual(describeTags(original));
  expect(digests(archive)).toEqual(digests(original));
  const withoutSum = ({ files, ...rest }: ReturnType<typeof readManifest>) => ({
    ...rest,
    files: files.map(({ path, size, sha256 }) => (path === "index.db" ? { path } : { path, size, sha256 })),
  });
  const manifest = readManifest(archive);
  expect(withoutSum(manifest)).toEqual(withoutSum(readManifest(original)));
  const index = readFileSync(join(archive, "index.db"));
  expect(manifest.files.find(({ path }) => path === "index.db")).toEqual({
    path: "index.db",
    size: index.length,
    sha256: new Bun.CryptoHasher("sha256").update(index).digest("hex"),
  });
}

/** Every row of the index leads to its event, and each id of the files has one row: that of its first place. */
function expectExact(archive: string): void {
  const db = new Database(join(archive, "index.db"), { readonly: true });
  const rows = db
    .query<{ id: string; path: string; offset: number; length: number; position: number }, []>(
      `SELECT lower(hex(event.id)) AS id, path, offset, length, position FROM event
       JOIN member ON member.id = event.member JOIN file ON file.id = member.file ORDER BY event.rowid`,
    )
    .all();
  db.close();
  const contents = new Map<string, Buffer>();
  const found = rows.map(({ path, offset, length, position }) => {
    const key = `${path} ${offset}`;
    const stored = readFileSync(join(archive, path)).subarray(offset, offset + length);
    const content = contents.get(key) ?? gunzipSync(stored);
    contents.set(key, content);
    return decodeEvent(splitDelimited(content.subarray(position, content.length))[0]);
  });
  expect(found.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
  const seen = new Set<string>();
  const first = readArchive(archive).filter(({ id }) => !seen.has(id) && seen.add(id));
  expect(found).toEqual(first);
}

describe("of an archive of ours", () => {
  test("gives the index that the conversion made, with any number of threads", async () => {
    for (const threads of ["1", "3"]) {
      const archive = copyOf(`threads-${threads}`);
      const before = Object.fromEntries(
        readdirSync(archive).map((name) => [name, statSync(join(archive, name)).mtimeMs]),
      );
      expect((await rebuildOk(archive, "-j", threads)).events).toBe(readManifest(original).events);
      expectOriginal(archive);
      expect(existsSync(join(archive, ".proton-beam"))).toBe(false);
      for (const name of readdirSync(archive).filter((file) => file.endsWith(".gz")))
        expect(statSync(join(archive, name)).mtimeMs).toBe(before[name]);
    }
  }, 60_000);

  test("makes a manifest too; other tags can be asked for, and convert adds to it", async () => {
    const archive = copyOf("no-manifest", ["index.db", "manifest.json"]);
    await rebuildOk(archive, "--index-tags", "p");
    const manifest = readManifest(archive);
    expect([manifest.runs, manifest.indexTags]).toEqual([[], ["p"]]);
    expect(manifest.files.map(({ path }) => path)).toEqual(readManifest(original).files.map(({ path }) => path));
    expect(manifest.events).toBe(readManifest(original).events);
    const { counts } = await convertOk([dump.path, "-o", archive]);
    expect(counts.events).toBe(0);
    await rebuildOk(archive, "--index-tags", "e,t");
    expect(describeTags(archive)).toEqual(describeTags(original));
    expect(describeIndex(archive)).toEqual(describeIndex(original));
  }, 60_000);

  test("keeps what the index says of the time, and replaces one that is damaged", async () => {
    const times = (archive: string) => {
      const db = new Database(join(archive, "index.db"), { readonly: true });
      const values = db.query("SELECT path, indexed_at FROM file ORDER BY path").values();
      db.close();
      return values;
    };
    const archive = copyOf("times", []);
    await rebuildOk(archive);
    expect(times(archive)).toEqual(times(original));
    writeFileSync(join(archive, "index.db"), "no database");
    await rebuildOk(archive);
    expectOriginal(archive);
  }, 60_000);

  test("goes on after kill -9", async () => {
    const archive = copyOf("killed");
    const child = startCli(["index", "rebuild", archive, "-j", "1", "--no-progress"]);
    const work = join(archive, ".proton-beam/rebuild");
    const rows = () => (existsSync(work) ? readdirSync(work).filter((name) => name.endsWith(".rows")) : []);
    while (child.exitCode === null && rows().length < 3) await Bun.sleep(1);
    child.kill("SIGKILL");
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    expect(existsSync(join(archive, "index.db"))).toBe(false);
    // A file that was replaced meanwhile is read again.
    const [changed] = rows();
    const path = join(archive, changed.replace(".rows", ".pb.gz"));
    copyFileSync(path, `${path}.copy`);
    rmSync(path);
    copyFileSync(`${path}.copy`, path);
    rmSync(`${path}.copy`);
    const { reused } = await rebuildOk(archive);
    expect(reused).toBeGreaterThanOrEqual(2);
    expectOriginal(archive);
    expect(existsSync(join(archive, ".proton-beam"))).toBe(false);
  }, 60_000);

  test("says that files are not those of the manifest, and has convert read the inputs again", async () => {
    const archive = copyOf("changed");
    const [first] = readdirSync(archive).filter((name) => name.endsWith(".pb.gz"));
    rmSync(join(archive, first));
    const { exitCode, stderr } = await rebuild(archive);
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining(`not there as the manifest said: ${first};`)]);
    expect(readManifest(archive).runs.map(({ whole }) => whole)).toEqual([false]);
    await convertOk([dump.path, "-o", archive]);
    expect(describeIndex(archive)).toEqual(describeIndex(original));
    expect(digests(archive)[first]).toBe(digests(original)[first]);
  }, 60_000);
});

describe("refuses", () => {
  test("a damaged file, which it names, and leaves all as it was", async () => {
    const archive = copyOf("damaged", []);
    const [name] = readdirSync(archive).filter((file) => file.endsWith(".pb.gz"));
    const path = join(archive, name);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] ^= 4;
    writeFileSync(path, bytes);
    const before = readFileSync(join(archive, "index.db"));
    const { exitCode, stderr } = await rebuild(archive);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`${path}: the gzip member at byte `)]);
    expect(readFileSync(join(archive, "index.db")).equals(before)).toBe(true);
    writeFileSync(path, gzipEvents([]));
    appendFileSync(path, Bun.gzipSync(Buffer.from("\x05hello")));
    expect((await rebuild(archive)).stderr).toContain(`${path}: what is at byte 0 of member`);
  }, 60_000);

  test("a place without daily files, a lock that is held, a conversion that is unfinished, and wrong options", async () => {
    mkdirSync(folder.join("empty"));
    expect((await rebuild(folder.join("empty"))).stderr).toContain("holds no daily files");
    expect((await rebuild(folder.join("nowhere"))).exitCode).toBe(2);
    const archive = copyOf("locked", []);
    mkdirSync(join(archive, ".proton-beam"));
    const catalog = new Database(join(archive, ".proton-beam/catalog.db"));
    catalog.run("BEGIN EXCLUSIVE");
    expect((await rebuild(archive)).stderr).toContain("another proton-beam is at work");
    catalog.close();
    writeFileSync(join(archive, ".proton-beam/plan.json"), "{}");
    expect((await rebuild(archive)).stderr).toContain("holds an unfinished run of convert");
    expect(existsSync(join(archive, ".proton-beam/plan.json"))).toBe(true);
    expect((await rebuild(archive, "--index-tags", "tt")).exitCode).toBe(2);
  }, 60_000);
});

describe("convert that adds to an archive whose index was made anew", () => {
  const NOON = 1_700_000_000;
  const event = (content: string, created_at: number) => signedEvent({ content, created_at, tags: [["e", content]] });
  const days = [NOON, NOON + 86_400, NOON + 2 * 86_400];
  const [one, two, three] = days.map((time) => [0, 1, 2].map((n) => event(`${n}`, time + n)));
  const added = event("later", NOON + 9 * 86_400);
  writeFileSync(folder.join("later.jsonl"), `${JSON.stringify(added)}\n`);
  const foreign = (name: string, files: NostrEvent[][]) => {
    const path = folder.join(name);
    mkdirSync(path);
    for (const [i, events] of files.entries())
      writeFileSync(join(path, dayFileName(dayOf(days[i]))), gzipEvents(events, 2));
    return path;
  };

  test("keeps the rows of events that are in the file of another day", async () => {
    const archive = foreign("misplaced", [
      [one[0], one[1], two[1]],
      [two[2], one[2], three[2]],
      [two[0], three[0], three[1]],
    ]);
    await rebuild(archive, "--index-tags", "e");
    expectExact(archive);
    const [rows, tags] = [describeIndex(archive), describeTags(archive)];
    await convertOk([folder.join("later.jsonl"), "-o", archive]);
    expectExact(archive);
    const isNew = (row: string) => row.toLowerCase().includes(added.id);
    expect(describeIndex(archive).filter((row) => !isNew(row))).toEqual(rows);
    expect(describeTags(archive).filter((row) => !isNew(row))).toEqual(tags);
    expect(describeTags(archive)).toHaveLength(tags.length + 1);
  }, 30_000);

  test("keeps the rejected lines of conversions that the manifest lost", async () => {
    const archive = copyOf("lost-manifest", ["manifest.json"]);
    await rebuildOk(archive, "--index-tags", "e,t");
    writeFileSync(folder.join("bad.jsonl"), "no event\n");
    await convertOk([folder.join("bad.jsonl"), "-o", archive]);
    const rejects = (path: string) => gunzipSync(readFileSync(join(path, "rejected.jsonl.gz"))).toString();
    expect(rejects(archive)).toStartWith(rejects(original));
    expect(rejects(archive)).toContain("no event");
    const { exitCode, stdout } = await runCli(["verify", archive, "--no-progress"]);
    expect(stdout).toContain("those of a conversion that it no longer has");
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("all is well")]);
  }, 30_000);

  test("refuses a day whose file has an event twice", async () => {
    const archive = foreign("twice", [[one[0], one[0], one[2]], two]);
    await rebuildOk(archive);
    writeFileSync(folder.join("same-day.jsonl"), `${JSON.stringify(one[1])}\n`);
    expect(await runCli(["convert", folder.join("same-day.jsonl"), "-o", archive, "--no-progress"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("each event once"),
    });
  }, 30_000);

  test("refuses an index that is missing or of another state, before it does anything", async () => {
    const archive = copyOf("without-index");
    const convert = () => runCli(["convert", folder.join("later.jsonl"), "-o", archive, "--no-progress"]);
    const refused = { exitCode: 1, stderr: expect.stringContaining(`proton-beam index rebuild ${archive}`) };
    expect(await convert()).toMatchObject(refused);
    await rebuildOk(archive);
    const change = (statement: string) => {
      const db = new Database(join(archive, "index.db"));
      db.run(statement);
      db.close();
    };
    change("INSERT INTO indexed_tag VALUES ('p')");
    expect(await convert()).toMatchObject(refused);
    await rebuildOk(archive);
    change("DELETE FROM member WHERE file = 3");
    expect(await convert()).toMatchObject(refused);
    await rebuildOk(archive);
    expect(await convert()).toMatchObject({ exitCode: 0 });
  }, 60_000);
});

describe("of daily files of another tool", () => {
  const events = readArchive(original);
  const extra: NostrEvent[] = events.slice(0, 700).map((event) => ({ ...event, sig: "0".repeat(128) }));
  const mixed = shuffled([...events, ...extra], "mixed");

  test("unsorted, with duplicates, in one member or several: each id's first place is indexed", async () => {
    for (const [name, perMember] of [
      ["one-member", Number.POSITIVE_INFINITY],
      ["small-members", 7],
    ] as const) {
      const archive = folder.join(name);
      writeElsewhere(archive, mixed, perMember);
      const summary = await rebuildOk(archive, "--index-tags", "e,t");
      expect([summary.events, summary.duplicates]).toEqual([events.length, extra.length]);
      expectExact(archive);
      expect(describeTags(archive)).toEqual(describeTags(original));
      expect(readManifest(archive).runs).toEqual([]);
    }
  }, 60_000);

  test("sorted files need no second look, and events of other days are told", async () => {
    const archive = folder.join("sorted");
    writeElsewhere(archive, events, 100);
    const names = readdirSync(archive).sort();
    // Local days of another time zone, say.
    appendFileSync(join(archive, names[0]), readFileSync(join(archive, names[1])));
    rmSync(join(archive, names[1]));
    const { exitCode, stderr, summary } = await rebuild(archive);
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining(`files with events of other days: ${names[0]}`)]);
    expect(summary.misplaced).toEqual([names[0]]);
    expectExact(archive);
  }, 60_000);
});

describe("in S3", () => {
  const put = (name: string, without: string[] = ["index.db"]) => {
    cpSync(copyOf(`source-${name}`, without), server.path("archives", name), { recursive: true });
    return server.path("archives", name);
  };

  test("reads the files, writes index and manifest, and leaves nothing behind", async () => {
    const stored = put("plain");
    await rebuildOk("s3://archives/plain", ...ENDPOINT, "--work-dir", folder.join("work"));
    expectOriginal(stored);
    expect(readdirSync(folder.join("work"))).toEqual([]);
    expect(existsSync(join(stored, ".proton-beam"))).toBe(false);
    await rebuildOk("s3://archives/plain", ...ENDPOINT, "--index-tags", "e,t");
    expectOriginal(stored);
  }, 60_000);

  test("goes on after kill -9 on the same machine", async () => {
    const stored = put("killed");
    const work = folder.join("killed-work");
    const args = ["s3://archives/killed", ...ENDPOINT, "--work-dir", work];
    const child = startCli(["index", "rebuild", ...args, "-j", "1", "--no-progress"]);
    const rows = join(work, ".proton-beam/rebuild");
    while (
      child.exitCode === null &&
      !(existsSync(rows) && readdirSync(rows).filter((name) => name.endsWith(".rows")).length > 2)
    )
      await Bun.sleep(1);
    child.kill("SIGKILL");
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    expect((await rebuildOk(...args)).reused).toBeGreaterThanOrEqual(2);
    expectOriginal(stored);
  }, 60_000);

  test("waits for nobody's conversion: one that is at work or unfinished is not disturbed", async () => {
    const stored = put("busy", []);
    const location = parseLocation(
      "s3://archives/busy",
      accessOfArgs({ endpointUrl: server.url, signRequest: true, requestPayer: false, retryFor: 5, stallTimeout: 5 }),
    );
    if (location.kind !== "s3") throw new Error("no bucket");
    const bucket = createBucket(location.settings, createS3Clients());
    const lease = await acquireLease({
      bucket,
      key: ".proton-beam/lease.json",
      owner: "another disk",
      leaseMs: 3000,
      signal: new AbortController().signal,
      onWait: () => {},
    });
    const busy = await rebuild("s3://archives/busy", ...ENDPOINT);
    expect([busy.exitCode, busy.stderr]).toEqual([
      75,
      expect.stringContaining("another proton-beam is at work on s3://archives/busy"),
    ]);
    await lease.release();
    await bucket.putText(".proton-beam/plan.json", "{}", "application/json", null);
    expect((await rebuild("s3://archives/busy", ...ENDPOINT)).stderr).toContain("holds an unfinished run of convert");
    expect(readFileSync(join(stored, "index.db")).equals(readFileSync(join(original, "index.db")))).toBe(true);
  }, 60_000);
});
