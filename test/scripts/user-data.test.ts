import { afterAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../run/cli.ts";
import { unpackUserData } from "../user-data/unpack.ts";

const ROOT = join(import.meta.dir, "../..");
const BUNDLE = join(ROOT, "dist/proton-beam.tar.gz");
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

function userData(...args: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([
    process.execPath,
    "run",
    join(ROOT, "scripts/user-data.ts"),
    ...args,
  ]);
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

test("prints a script for a machine of one's own, and builds the bundle that it wants", () => {
  const dataset = folder.join("mine.json");
  const config = {
    source: { urls: ["https://example.org/dump.jsonl"], size: "1GB" },
    output: { bucket: "our-archive" },
  };
  writeFileSync(dataset, JSON.stringify(config));
  const { exitCode, stdout, stderr } = userData(dataset, "--bundle", "https://example.org/b.tar.gz");
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining("must be at https://example.org/b.tar.gz")]);
  expect(existsSync(BUNDLE)).toBe(true);
  const sha256 = new Bun.CryptoHasher("sha256").update(readFileSync(BUNDLE)).digest("hex");
  const home = unpackUserData(stdout, folder.join("machine"));
  const file = (name: string) => readFileSync(join(home, name), "utf8");
  expect(JSON.parse(file("datasets/mine.json"))).toEqual(config);
  const settings = file("settings.sh");
  expect(settings).toContain(`BUNDLE_SHA256='${sha256}'`);
  // Nothing is formatted, powered off, scaled or sent unless it was asked for.
  for (const line of ["VOLUME='directory'", "TERMINATE='false'", "NAMESPACE=''", "AGENT_URL=''", "SCALING_GROUPS=()"])
    expect(settings).toContain(line);
  const all = userData(dataset, "--bundle", "/tmp/b.tar.gz", "--mount", "--terminate", "--cloudwatch").stdout;
  for (const line of ["VOLUME='mount'", "TERMINATE='true'", "NAMESPACE='ProtonBeam'", "AGENT_URL='https://"])
    expect(all).toContain(line);
});

test("says what is wrong", () => {
  expect(userData(folder.join("none.json"), "--bundle", "/b.tar.gz")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("none.json cannot be read"),
  });
  expect(userData("x").exitCode).toBe(2);
  expect(userData("x", "--bundle", "./b.tar.gz")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("--bundle ./b"),
  });
});
