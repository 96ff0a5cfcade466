import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { cpSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { digests, readManifest, runCli, temporaryFolder } from "../run/cli.ts";
import { copyOf, dayFiles, flipBit, makeArchive } from "./damage.ts";

setDefaultTimeout(60_000);

const folder = temporaryFolder();
const server = await startS3Server(folder.join("s3"));
afterAll(async () => {
  await server.stop();
  folder[Symbol.dispose]();
});
Object.assign(process.env, server.env, { XDG_CACHE_HOME: folder.join("cache") });
server.createBucket("archives");

await makeArchive(folder.path, "well");
const well = folder.join("well");
const [first] = dayFiles(well);
cpSync(well, server.path("archives", "well"), { recursive: true });

/** Passes connections on to the server and counts what it answers. */
async function startCounter() {
  let answered = 0;
  const proxy = createServer((client) => {
    const upstream = connect(server.port, "127.0.0.1");
    upstream.on("data", (bytes) => {
      answered += bytes.length;
    });
    for (const socket of [client, upstream]) socket.on("error", () => socket.destroy());
    client.pipe(upstream).pipe(client);
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("the counter has no port");
  return { url: `http://127.0.0.1:${address.port}`, answered: () => answered, stop: () => proxy.close() };
}

test("an archive in S3 is read once", async () => {
  const counter = await startCounter();
  const { stdout, exitCode } = await runCli([
    "verify",
    "s3://archives/well",
    "--no-progress",
    "--endpoint-url",
    counter.url,
  ]);
  counter.stop();
  expect(stdout).toContain("all is well in s3://archives/well/");
  expect(exitCode).toBe(0);
  const size = readManifest(well).files.reduce((sum, file) => sum + file.size, 0);
  expect(counter.answered()).toBeGreaterThanOrEqual(size);
  // The manifest, and the headers of some answers.
  expect(counter.answered()).toBeLessThan(size + 30_000);
});

test("damage in S3 is named as on a disk", async () => {
  const damaged = copyOf(server.path("archives", "well"), server.path("archives", "damaged"));
  flipBit(join(damaged, first), 2000);
  rmSync(join(damaged, "index.db"));
  const { stdout, exitCode } = await runCli([
    "verify",
    "s3://archives/damaged",
    "--no-progress",
    "--endpoint-url",
    server.url,
  ]);
  expect(stdout).toContain(`${first}: the gzip member at byte 0 is damaged`);
  expect(stdout).toContain("index.db: is missing");
  expect(exitCode).toBe(1);
});

test("repair takes files from a copy in S3", async () => {
  const damaged = copyOf(well, folder.join("damaged"));
  flipBit(join(damaged, first), 2000);
  const { exitCode } = await runCli([
    "repair",
    damaged,
    "--from",
    "s3://archives/well",
    "--no-progress",
    "--no-signatures",
    "--endpoint-url",
    server.url,
  ]);
  expect(exitCode).toBe(0);
  expect(digests(damaged)).toEqual(digests(well));
});
