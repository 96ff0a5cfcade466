import { afterAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { formatCount } from "../../cli/report/format.ts";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { convertOk, makeDump, runCli, temporaryFolder } from "../run/cli.ts";

const folder = temporaryFolder();
const server = await startS3Server(folder.join("s3"));
afterAll(async () => {
  await server.stop();
  folder[Symbol.dispose]();
});
Object.assign(process.env, server.env, { XDG_CACHE_HOME: folder.join("cache") });
server.createBucket("archives");
const S3 = ["--endpoint-url", server.url];

test("the report of an archive in S3 is beside it as a page, and can be made from there", async () => {
  const dump = await makeDump(folder.path, "dump.jsonl", { lines: 1000, days: 3 });
  const work = folder.join("work");
  const { archive } = await convertOk([dump.path, "-o", work, "--s3-output", "s3://archives/a", ...S3]);
  expect(existsSync(`${work}/report.html`)).toBe(false);
  const client = new S3Client({ region: "us-east-1", endpoint: server.url, forcePathStyle: true });
  const head = await client.send(new HeadObjectCommand({ Bucket: "archives", Key: "a/report.html" }));
  expect(head.ContentType).toBe("text/html; charset=utf-8");

  const path = folder.join("report.html");
  const { exitCode, stdout } = await runCli(["report", "s3://archives/a", "-o", path, ...S3]);
  expect([exitCode, stdout]).toEqual([0, `${path}\n`]);
  for (const page of [readFileSync(path, "utf8"), readFileSync(server.path("archives", "a/report.html"), "utf8")]) {
    expect(page).toContain("<h1>s3://archives/a/</h1>");
    expect(page).toContain(`<dd>${formatCount(archive.events)}<`);
    expect(page).toContain("complete");
  }
}, 60_000);
