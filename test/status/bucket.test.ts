import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { convertOk, makeDump, runCli, temporaryFolder } from "../run/cli.ts";
import { CHUNKS, isReading, startHalf, statusOnce } from "./half.ts";

const MAIN = join(import.meta.dir, "../../cli/main.ts");

const folder = temporaryFolder();
const server = await startS3Server(folder.join("s3"));
afterAll(async () => {
  await server.stop();
  folder[Symbol.dispose]();
});
Object.assign(process.env, server.env);
server.createBucket("archives");
const S3 = ["--endpoint-url", server.url];

const dump = await makeDump(folder.path, "dump.jsonl", { lines: 3000, days: 4 });
const bytes = readFileSync(dump.path);

describe("status of a run in S3", () => {
  const place = "s3://archives/nostr";
  const work = (name: string) => [
    folder.join(name),
    "--s3-output",
    place,
    "--sync-interval",
    "1",
    "--lease",
    "3",
    ...S3,
  ];

  test("running with its lease, dead, taken up by another disk, complete", async () => {
    const child = startHalf(bytes, work("disk-a")[0], work("disk-a").slice(1));
    const running = await statusOnce([place, ...S3], isReading);
    expect(running).toMatchObject({
      place: `${place}/`,
      state: "running",
      lease: { host: hostname(), pid: child.pid },
      sessions: 1,
    });
    expect(running.work.segments).toBeGreaterThan(0);
    expect((await runCli(["status", place, ...S3])).stdout).toMatch(/^lease +process \d+ on /m);
    child.kill("SIGKILL");
    await child.exited;
    const dead = await statusOnce([place, ...S3, "--stalled-after", "0.03"], ({ state }) => state === "stalled");
    expect(dead).toMatchObject({ state: "stalled", lease: { pid: child.pid } });

    await convertOk(["-", "-o", ...work("disk-b"), ...CHUNKS], new Blob([bytes]));
    const { stdout } = await runCli(["status", place, ...S3, "--json", "--watch"]);
    expect(JSON.parse(stdout)).toMatchObject({
      state: "complete",
      lease: null,
      work: null,
      sessions: 2,
      interruptions: 1,
      archive: { days: 4 },
    });
    expect(existsSync(server.path("archives", "nostr/report.html"))).toBe(true);
    expect(readFileSync(server.path("archives", "nostr/report.html"), "utf8")).toContain("interrupted once");

    // The first disk comes back with a log of its own: that of the other is not lost.
    await convertOk([dump.path, "-o", ...work("disk-a"), ...CHUNKS]);
    const log = readFileSync(server.path("archives", "nostr/proton-beam.log"), "utf8");
    const lines = log.trim().split("\n");
    expect(new Set(lines).size).toBe(lines.length);
    expect(new Set(lines.map((line) => JSON.parse(line).session)).size).toBe(3);
  }, 60_000);

  test("nothing below the prefix, and no such bucket", async () => {
    const nothing = await runCli(["status", "s3://archives/nothing", ...S3]);
    expect([nothing.exitCode, nothing.stderr]).toEqual([1, expect.stringContaining("no run and no archive")]);
    const missing = await runCli(["status", "s3://no-such-bucket/x", ...S3]);
    expect([missing.exitCode, missing.stderr]).toEqual([1, expect.stringContaining("no-such-bucket")]);
  }, 60_000);
});

describe("--dataset", () => {
  const datasets = folder.join("deployment/stacks/datasets");
  mkdirSync(datasets, { recursive: true });
  const source = { urls: ["https://example.org/a.jsonl"], size: "1GB" };
  const write = (name: string, output: object) =>
    writeFileSync(join(datasets, `${name}.json`), JSON.stringify({ source, output }));
  const run = async (...args: string[]) => {
    const child = Bun.spawn([process.execPath, "run", MAIN, "status", ...args, ...S3], {
      cwd: folder.join("deployment"),
      env: process.env,
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { stdout, stderr, exitCode: await child.exited };
  };
  write("given", { bucket: "archives", prefix: "given" });
  write("own", { prefix: "own" });

  test("goes to the bucket that the file names", async () => {
    await convertOk([dump.path, "-o", folder.join("g"), "--s3-output", "s3://archives/given", ...S3]);
    for (const dataset of ["given", join(datasets, "given.json")]) {
      const { stdout, exitCode } = await run("--dataset", dataset);
      expect([exitCode, stdout]).toEqual([
        0,
        expect.stringMatching(/^s3:\/\/archives\/given\/\n[\s\S]*state +complete/),
      ]);
    }
  }, 60_000);

  test("or to the stack's own, by the local Terraform state; else it says what to do", async () => {
    const remote = await run("--dataset", "own");
    expect([remote.exitCode, remote.stderr]).toEqual([2, expect.stringContaining("npx cdktf output own")]);
    const state = folder.join("deployment/terraform.own.tfstate");
    writeFileSync(state, JSON.stringify({ version: 4, outputs: {} }));
    const destroyed = await run("--dataset", "own");
    expect([destroyed.exitCode, destroyed.stderr]).toEqual([2, expect.stringContaining("Is own deployed?")]);
    const outputs = { archive_url: { value: "s3://archives/given/", type: "string" } };
    writeFileSync(state, JSON.stringify({ version: 4, outputs }));
    const { stdout, exitCode } = await run("--dataset", "own", "--json");
    expect([exitCode, JSON.parse(stdout).state]).toEqual([0, "complete"]);
    expect((await run("--dataset", "none")).exitCode).toBe(2);
  }, 60_000);
});
