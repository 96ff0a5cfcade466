import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { convertOk, digests, makeDump, runCli, startCli, temporaryFolder } from "../run/cli.ts";
import { appendEvents, bulkyEvents, eventsOfDump, eventsOfLines, oddEvents } from "./dump.ts";

const folder = temporaryFolder();
const server = await startS3Server(folder.join("s3"));
afterAll(async () => {
  await server.stop();
  folder[Symbol.dispose]();
});

const dump = await makeDump(folder.path, "dump.jsonl", { lines: 3000, days: 6, duplicates: 0.1, invalid: 0.1 });
appendEvents(dump.path, [...oddEvents, ...oddEvents]);
const archive = folder.join("archive");
await convertOk([dump.path, "-o", archive]);
const all = eventsOfDump(dump.path);
/** A day of more than a thread takes at once. */
const bulky = folder.join("bulky");
appendEvents(folder.join("bulky.jsonl"), bulkyEvents(20));
await convertOk([folder.join("bulky.jsonl"), "-o", bulky]);

const run = (args: string[], env?: Record<string, string>) =>
  runCli(["export", "--no-progress", ...args], undefined, env);

/** Exports and gives what went to standard output. */
async function exported(args: string[], env?: Record<string, string>): Promise<string> {
  const { stdout, stderr, exitCode } = await run(args, env);
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`);
  return stdout;
}

describe("JSON Lines", () => {
  test("are the events that went in, in order of time, with the fields in the order of NIP-01", async () => {
    const text = await exported([archive]);
    expect(eventsOfLines(text)).toEqual(all);
    expect(text).toBe(all.map((event) => `${JSON.stringify(event)}\n`).join(""));
    for (const odd of oddEvents) expect(all).toContainEqual(odd);
    expect(all.length).toBeGreaterThan(2000);
  });

  test("converted again give the same daily files", async () => {
    const file = folder.join("again.jsonl");
    await exported([archive, "-o", file]);
    await convertOk([file, "-o", folder.join("again")]);
    const { "rejected.jsonl.gz": _, ...days } = digests(archive);
    const { "rejected.jsonl.gz": __, ...again } = digests(folder.join("again"));
    expect(again).toEqual(days);
  }, 30_000);

  test("are the same for any number of threads, and compressed read by gzip, zstd and convert", async () => {
    const plain = await exported([archive, "-j", "1"]);
    expect(await exported([archive, "-j", "3", "-o", "-"])).toBe(plain);
    for (const [name, tool] of [
      ["all.jsonl.gz", "gzip"],
      ["all.jsonl.zst", "zstd"],
    ]) {
      const file = folder.join(name);
      await exported([archive, "-o", file]);
      const read = Bun.spawnSync([tool, "-dc", file]);
      expect([read.exitCode, read.stderr.toString()]).toEqual([0, ""]);
      expect(read.stdout.toString() === plain).toBe(true);
      expect(Bun.spawnSync([tool, "-t", file]).exitCode).toBe(0);
      const { archive: counts } = await convertOk([file, "-o", folder.join(`from-${tool}`)]);
      expect(counts.events).toBe(all.length);
      expect(await exported([folder.join(`from-${tool}`)])).toBe(plain);
    }
  }, 30_000);

  test("of some days or times only", async () => {
    const within = (since: number, until: number) =>
      all.filter(({ created_at }) => created_at >= since && created_at <= until);
    const first = Date.parse("2024-01-02T00:00:00Z") / 1000;
    expect(eventsOfLines(await exported([archive, "--days", "2024-01-02..2024-01-04"]))).toEqual(
      within(first, first + 3 * 86_400 - 1),
    );
    expect(eventsOfLines(await exported([archive, "--days", "2024-01-02"]))).toEqual(within(first, first + 86_399));
    const [since, until] = [first + 10_000, first + 100_000];
    const some = within(since, until);
    expect(some.length).toBeGreaterThan(10);
    expect(eventsOfLines(await exported([archive, "--since", String(since), "--until", String(until)]))).toEqual(some);
    expect(eventsOfLines(await exported([archive, "--until", "0"]))).toEqual(all.slice(0, 2));
  });

  test("come from daily files of one large member too, as other tools write them", async () => {
    const text = await exported([bulky]);
    expect(eventsOfLines(text)).toEqual(bulkyEvents(20));
    const single = folder.join("single");
    mkdirSync(single);
    const file = "2024_01_01.pb.gz";
    const content = gunzipSync(readFileSync(join(bulky, file)));
    const stored = gzipSync(content, { level: 1 });
    writeFileSync(join(single, file), stored);
    copyFileSync(join(bulky, "index.db"), join(single, "index.db"));
    const index = new Database(join(single, "index.db"));
    index.run("DELETE FROM member WHERE id > (SELECT min(id) FROM member)");
    index.run("UPDATE member SET length = ?, size = ?, events = 20", [stored.length, content.length]);
    index.close();
    expect((await exported([single])) === text).toBe(true);
  }, 30_000);

  test("of no events are empty, and whole when compressed", async () => {
    expect(await exported([archive, "--days", "2031-01-01"])).toBe("");
    for (const [name, tool] of [
      ["none.jsonl.gz", "gzip"],
      ["none.jsonl.zst", "zstd"],
    ]) {
      await exported([archive, "--days", "2031-01-01", "-o", folder.join(name)]);
      const read = Bun.spawnSync([tool, "-dc", folder.join(name)]);
      expect([read.exitCode, read.stdout.length]).toEqual([0, 0]);
    }
  });
});

test("an archive in S3 gives the same", async () => {
  server.createBucket("archives");
  const env = { ...server.env, XDG_CACHE_HOME: folder.join("cache") };
  const s3 = ["--endpoint-url", server.url];
  await convertOk([dump.path, "-o", folder.join("work"), "--s3-output", "s3://archives/a", ...s3], undefined, env);
  const text = await exported(["s3://archives/a", ...s3], env);
  expect(text).toBe(await exported([archive]));
  const file = folder.join("s3-days/2024_01_02.jsonl.gz");
  await exported(["s3://archives/a", ...s3, "--split", "day", "-o", join(file, "..")], env);
  expect(gunzipSync(readFileSync(file)).toString()).toBe(await exported([archive, "--days", "2024-01-02"]));

  const missing = await run(["s3://archives/nothing", ...s3], env);
  expect([missing.exitCode, missing.stdout]).toEqual([1, ""]);
  expect(missing.stderr).toContain("s3://archives/nothing/ holds no archive");
}, 30_000);

describe("outputs", () => {
  test("a file that is there is kept, unless --force", async () => {
    const file = folder.join("precious.jsonl");
    writeFileSync(file, "precious");
    const refused = await run([archive, "-o", file]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("precious.jsonl is there already");
    expect(readFileSync(file, "utf8")).toBe("precious");
    await exported([archive, "-o", file, "--force", "--days", "2024-01-02"]);
    expect(readFileSync(file, "utf8")).toBe(await exported([archive, "--days", "2024-01-02"]));

    const directory = await run([archive, "-o", folder.path]);
    expect([directory.exitCode, directory.stderr]).toEqual([2, expect.stringContaining("--split day")]);
    const device = await run([archive, "-o", "/dev/null", "--force"]);
    expect([device.exitCode, device.stderr]).toEqual([2, expect.stringContaining("no ordinary file")]);
  });

  test("a closed pipe ends the program quietly", async () => {
    const child = startCli(["export", archive, "--no-progress"]);
    const reader = child.stdout.getReader();
    expect((await reader.read()).done).toBe(false);
    await reader.cancel();
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(0);
  });

  test("standard output that cannot be written is an error", async () => {
    const child = Bun.spawn(["sh", "-c", '"$0" run cli/main.ts export "$1" > /dev/full', process.execPath, archive], {
      cwd: join(import.meta.dir, "../.."),
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toContain("writing to standard output failed: ENOSPC");
    expect(await child.exited).toBe(1);
  });

  test("a full disk is named, and nothing is left of the file", async () => {
    const disk = folder.join("small-disk");
    mkdirSync(disk);
    if (!Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).success) {
      console.warn("skipped: this user cannot mount a small disk");
      return;
    }
    try {
      const { exitCode, stderr } = await run([archive, "-o", join(disk, "all.jsonl")]);
      expect([exitCode, stderr]).toEqual([75, expect.stringContaining("is full")]);
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      Bun.spawnSync(["umount", disk]);
    }
  });

  test("Ctrl-C leaves nothing of a file", async () => {
    const file = folder.join("interrupted.jsonl.zst");
    const child = startCli(["export", bulky, "-o", file, "-j", "1"]);
    while (!existsSync(`${file}.tmp`) && child.exitCode === null) await Bun.sleep(1);
    child.kill("SIGINT");
    expect(await child.exited).toBe(75);
    expect([existsSync(file), existsSync(`${file}.tmp`)]).toEqual([false, false]);
    await exported([bulky, "-o", file]);
  }, 30_000);

  test.each([
    [["--format", "parquet", "-o", "x.jsonl"], "contradicts the name"],
    [["--days", "2024-02-30"], "no range of days"],
    [["--days", "2024-01-03..2024-01-01"], "ends before it starts"],
    [["--days", "2024-01-03", "--since", "3"], "mutually exclusive"],
    [["--split", "day"], "--output"],
    [["--split", "day", "-o", "x", "--since", "3"], "--days"],
    [["--parallel", "0"], "parallel"],
  ])("%p is refused", async (args, message) => {
    const { exitCode, stderr, stdout } = await run([archive, ...args]);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });
});

describe("damage", () => {
  const copy = (name: string) => {
    const path = folder.join(name);
    Bun.spawnSync(["cp", "-r", archive, path]);
    return path;
  };

  test("a damaged member is named, and no file is written", async () => {
    const broken = copy("broken");
    const day = join(broken, "2024_01_03.pb.gz");
    const bytes = readFileSync(day);
    bytes[bytes.length - 1000] ^= 0xff;
    writeFileSync(day, bytes);
    const { exitCode, stderr } = await run([broken, "-o", folder.join("broken.jsonl")]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/2024_01_03\.pb\.gz is damaged in the gzip member at byte \d+/);
    expect(existsSync(folder.join("broken.jsonl"))).toBe(false);
    expect(existsSync(folder.join("broken.jsonl.tmp"))).toBe(false);

    const split = folder.join("broken-days");
    expect((await run([broken, "-o", split, "--split", "day"])).exitCode).toBe(1);
    const written = readdirSync(split).filter((name) => name.endsWith(".gz"));
    expect(written).not.toContain("2024_01_03.jsonl.gz");
    for (const name of written) expect(Bun.spawnSync(["gzip", "-t", join(split, name)]).exitCode).toBe(0);
  });

  test("a missing day, one that is cut short and a folder without an archive are named before anything is written", async () => {
    const missing = copy("missing");
    rmSync(join(missing, "2024_01_02.pb.gz"));
    const short = copy("short");
    const day = join(short, "2024_01_02.pb.gz");
    writeFileSync(day, readFileSync(day).subarray(0, -10));
    for (const [path, message] of [
      [missing, "2024_01_02.pb.gz is missing"],
      [short, "2024_01_02.pb.gz is not the file that index.db knows"],
      [folder.join("nothing"), "holds no archive"],
    ]) {
      const { exitCode, stdout, stderr } = await run([path]);
      expect([exitCode, stdout]).toEqual([1, ""]);
      expect(stderr).toContain(message);
    }
  });
});
