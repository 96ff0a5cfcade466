import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { convertOk, makeDump, runCli, startCli, temporaryFolder } from "../run/cli.ts";
import { appendEvents, oddEvents } from "./dump.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const dump = await makeDump(folder.path, "dump.jsonl", { lines: 2000, days: 6, duplicates: 0.1, invalid: 0.1 });
appendEvents(dump.path, oddEvents);
const archive = folder.join("archive");
await convertOk([dump.path, "-o", archive]);
const dayNames = readdirSync(archive)
  .filter((name) => name.endsWith(".pb.gz"))
  .sort()
  .map((name) => name.replace(".pb.gz", ""));

const run = (args: string[], env?: Record<string, string>) =>
  runCli(["export", "--no-progress", ...args], undefined, env);

/** Exports and gives what went to standard output. */
async function exported(args: string[], env?: Record<string, string>): Promise<string> {
  const { stdout, stderr, exitCode } = await run(args, env);
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`);
  return stdout;
}

/** The files of an export by days, without its own record. */
const filesOf = (path: string) =>
  readdirSync(path)
    .filter((name) => !name.startsWith("."))
    .sort();
const bytesOf = (path: string) =>
  Object.fromEntries(filesOf(path).map((name) => [name, Bun.hash(readFileSync(join(path, name)))]));

describe("--split day", () => {
  test("writes a file of each day, and later only what is missing or changed", async () => {
    const out = folder.join("days");
    const growing = folder.join("growing");
    await convertOk([dump.path, "-o", growing]);
    await exported([growing, "--split", "day", "-o", out]);
    expect(filesOf(out)).toEqual(dayNames.map((name) => `${name}.jsonl.gz`));
    const text = filesOf(out)
      .map((name) => Bun.spawnSync(["gzip", "-dc", join(out, name)]).stdout.toString())
      .join("");
    expect(text === (await exported([growing]))).toBe(true);

    const before = bytesOf(out);
    const times = () => Object.fromEntries(filesOf(out).map((name) => [name, statSync(join(out, name)).mtimeMs]));
    const timesBefore = times();
    rmSync(join(out, "2024_01_03.jsonl.gz"));
    const { stderr } = await run([growing, "--split", "day", "-o", out]);
    expect(stderr).toContain(`${dayNames.length - 1} days were there already`);
    expect(bytesOf(out)).toEqual(before);
    const changed = () => filesOf(out).filter((name) => times()[name] !== timesBefore[name]);
    expect(changed()).toEqual(["2024_01_03.jsonl.gz"]);

    // A day that got more events is written again.
    const more = await makeDump(folder.path, "more.jsonl", { lines: 50, days: 1, invalid: 0 });
    await convertOk([more.path, "-o", growing]);
    await exported([growing, "--split", "day", "-o", out]);
    expect(changed()).toEqual(["2024_01_01.jsonl.gz", "2024_01_03.jsonl.gz"]);
    const day = Bun.spawnSync(["gzip", "-dc", join(out, "2024_01_01.jsonl.gz")]).stdout.toString();
    expect(day).toBe(await exported([growing, "--days", "2024-01-01"]));
  }, 30_000);

  test("goes on after kill -9, and has whole files only at any time", async () => {
    const out = folder.join("killed");
    const whole = folder.join("whole");
    await exported([archive, "--split", "day", "-o", whole, "--compress", "zstd"]);
    const wanted = bytesOf(whole);
    const ready = () => (existsSync(out) ? filesOf(out).filter((name) => name.endsWith(".zst")).length : 0);
    let kills = 0;
    for (const target of [1, 3, 6]) {
      const child = startCli(["export", archive, "--split", "day", "-o", out, "-j", "1", "--compress", "zstd"]);
      while (ready() < target && child.exitCode === null) await Bun.sleep(1);
      child.kill("SIGKILL");
      await child.exited;
      if (child.signalCode === "SIGKILL") kills++;
      for (const name of filesOf(out).filter((file) => file.endsWith(".zst")))
        expect(Bun.hash(readFileSync(join(out, name)))).toBe(wanted[name]);
    }
    expect(kills).toBeGreaterThan(0);
    const { stderr } = await run([archive, "--split", "day", "-o", out, "--compress", "zstd"]);
    expect(stderr).toContain("days were there already");
    expect(bytesOf(out)).toEqual(wanted);
  }, 30_000);

  test("says which file it cannot write, also when it is not the first", async () => {
    const out = folder.join("blocked");
    mkdirSync(join(out, "2024_01_02.jsonl.gz.tmp"), { recursive: true });
    const { exitCode, stderr } = await run([archive, "--split", "day", "-o", out]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/EISDIR.*2024_01_02\.jsonl\.gz\.tmp/);
    expect(filesOf(out)).toEqual([
      ...dayNames.slice(0, dayNames.indexOf("2024_01_02")).map((name) => `${name}.jsonl.gz`),
      "2024_01_02.jsonl.gz.tmp",
    ]);
  });

  test("leaves files of others alone", async () => {
    const out = folder.join("foreign");
    mkdirSync(out);
    writeFileSync(join(out, "2024_01_02.jsonl.gz"), "mine");
    const refused = await run([archive, "--split", "day", "-o", out]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("2024_01_02.jsonl.gz is there already");
    expect(filesOf(out)).toEqual(["2024_01_02.jsonl.gz"]);
    await exported([archive, "--split", "day", "-o", out, "--force"]);
    expect(filesOf(out)).toHaveLength(dayNames.length);
    expect(Bun.spawnSync(["gzip", "-t", join(out, "2024_01_02.jsonl.gz")]).exitCode).toBe(0);
  });
});
