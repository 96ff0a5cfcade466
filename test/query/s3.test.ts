import { Database } from "bun:sqlite";
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { ArchiveLocation } from "../../cli/archive/location.ts";
import { cacheFolder, openArchive } from "../../cli/archive/open.ts";
import { createS3Clients, environmentAccess } from "../../cli/net/s3.ts";
import { createTraffic } from "../../cli/net/traffic.ts";
import { openReader } from "../../cli/query/reader.ts";
import { startRequestLog } from "../../scripts/services/request-log.ts";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { readArchive } from "../run/archive.ts";
import { runCli, temporaryFolder } from "../run/cli.ts";
import { addTagIndex, anyFilter, makeCrowdedArchive, naiveSearch } from "./crowd.ts";
import { EVERYTHING, expectSame, search } from "./readers.ts";

setDefaultTimeout(60_000);
const folder = temporaryFolder();
const server = await startS3Server(folder.join("s3"));
const log = await startRequestLog(server.port);
Object.assign(process.env, server.env, { XDG_CACHE_HOME: folder.join("cache") });
server.createBucket("archives");
afterAll(async () => {
  log.stop();
  await server.stop();
  folder[Symbol.dispose]();
});

const local = await makeCrowdedArchive(folder.path, 3000);
const events = readArchive(local);
const uploads = new Bun.S3Client({
  bucket: "archives",
  region: "us-east-1",
  endpoint: server.url,
  accessKeyId: server.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: server.env.AWS_SECRET_ACCESS_KEY,
});
for (const name of readdirSync(local)) await uploads.write(`crowd/${name}`, Bun.file(join(local, name)));

const location = {
  kind: "s3",
  settings: {
    bucket: "archives",
    prefix: "crowd/",
    access: {
      ...environmentAccess({ retryMs: 5000, stallMs: 5000, traffic: createTraffic() }),
      endpoint: log.url,
      pathStyle: true,
    },
    sse: null,
    kmsKeyId: null,
    storageClass: null,
  },
} satisfies ArchiveLocation;

async function open() {
  const archive = await openArchive(location, createS3Clients());
  return openReader(archive, { threads: 0, cacheBytes: 64e6 });
}

/** What happens on the way to the server while `work` is done. */
async function requestsOf(work: () => Promise<unknown>) {
  const before = log.requests.length;
  await work();
  return log.requests.slice(before);
}

function lengthOf(range: string | null): number {
  const match = /^bytes=(\d+)-(\d+)$/.exec(range ?? "");
  return match === null ? 0 : Number(match[2]) - Number(match[1]) + 1;
}

test("the index comes once, and again when the archive is another", async () => {
  const indexReads = async () =>
    (await requestsOf(async () => (await open()).close())).filter(({ line }) =>
      line.startsWith("GET /archives/crowd/index.db"),
    ).length;
  expect(await indexReads()).toBeGreaterThan(0);
  expect(await indexReads()).toBe(0);
  addTagIndex(local, ["t"]);
  // Two downloads were killed, or one is under way.
  const parts = ["old.tmp", "new.tmp"].map((name) => join(cacheFolder("index", location.settings), name));
  for (const part of parts) writeFileSync(part, "part");
  utimesSync(parts[0], 1, 1);
  await uploads.write("crowd/index.db", Bun.file(join(local, "index.db")));
  expect(await indexReads()).toBeGreaterThan(0);
  expect(await indexReads()).toBe(0);
  expect(parts.map((part) => existsSync(part))).toEqual([false, true]);
});

test("get reads the member of the event and no other byte, once", async () => {
  const reader = await open();
  const db = new Database(join(local, "index.db"), { readonly: true });
  const lengths = new Map(
    db
      .query<{ id: string; length: number }, []>(
        "SELECT lower(hex(event.id)) AS id, length FROM event JOIN member ON member.id = event.member",
      )
      .all()
      .map(({ id, length }) => [id, length]),
  );
  db.close();
  const last = events[events.length - 1];
  const requests = await requestsOf(async () => expect(await reader.get(last.id)).toEqual(last));
  expect(requests).toHaveLength(1);
  const [{ line, range, answerBytes }] = requests;
  const length = lengths.get(last.id) ?? 0;
  expect(line).toMatch(/^GET \/archives\/crowd\/\d{4}_\d{2}_\d{2}\.pb\.gz/);
  expect(lengthOf(range)).toBe(length);
  expect(answerBytes).toBeGreaterThan(length);
  expect(answerBytes).toBeLessThan(length + 2000);
  // Kept in memory.
  expect(await requestsOf(() => reader.get(last.id))).toEqual([]);
  reader.close();
});

test("neighbouring members come by one request", async () => {
  const reader = await open();
  const requests = await requestsOf(async () =>
    expectSame(await search(reader, [EVERYTHING]), naiveSearch(events, [EVERYTHING], "newest")),
  );
  const members = new Database(join(local, "index.db"), { readonly: true })
    .query<{ n: number }, []>("SELECT count(*) AS n FROM member")
    .get();
  const days = readdirSync(local).filter((name) => name.endsWith(".pb.gz")).length;
  expect(members?.n).toBeGreaterThan(days);
  expect(requests.length).toBeLessThan(members?.n ?? 0);
  reader.close();
});

test("any filters give the same as on the disk", async () => {
  const reader = await open();
  await fc.assert(
    fc.asyncProperty(fc.array(anyFilter, { minLength: 1, maxLength: 2 }), async (filters) => {
      expectSame(await search(reader, filters), naiveSearch(events, filters, "newest"));
    }),
    { numRuns: 30 },
  );
  reader.close();
});

test("get and query by their commands", async () => {
  const place = ["-a", "s3://archives/crowd", "--endpoint-url", log.url];
  const { id } = events[5];
  const got = await runCli(["get", id, ...place]);
  expect(got).toMatchObject({ exitCode: 0, stderr: "" });
  expect(JSON.parse(got.stdout)).toEqual(events[5]);
  const found = await runCli(["query", ...place, "--ids", id, "--count"]);
  expect(found).toEqual({ exitCode: 0, stdout: "1\n", stderr: "" });
  const nowhere = await runCli(["get", id, "-a", "s3://archives/nowhere", "--endpoint-url", log.url]);
  expect(nowhere.exitCode).toBe(1);
  expect(nowhere.stderr).toContain("s3://archives/nowhere/ holds no archive");
});
