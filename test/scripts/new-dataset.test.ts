import { afterAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { datasetSchema } from "../../cli/dataset/schema.ts";
import { uncompressedSize } from "../../scripts/datasets/answers.ts";
import { temporaryFolder } from "../run/cli.ts";

const SCRIPT = join(import.meta.dir, "../../scripts/new-dataset.ts");
const ENTER = "\r";
const DOWN = "\x1b[B";
const BACKSPACE = "\x7f";

const folder = temporaryFolder();
const dump = "x".repeat(3_000_000);
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(dump) });
afterAll(async () => {
  await server.stop(true);
  folder[Symbol.dispose]();
});

/** Runs the script on a terminal, and answers each question when it is asked. */
async function converse(args: string[], answers: [question: string, ...keys: string[]][]) {
  let screen = "";
  const child = Bun.spawn([process.execPath, "run", SCRIPT, ...args], {
    cwd: folder.path,
    terminal: {
      cols: 120,
      rows: 50,
      data: (_terminal, bytes) => {
        screen += new TextDecoder().decode(bytes);
      },
    },
  });
  let seen = 0;
  for (const [question, ...keys] of answers) {
    while (!screen.slice(seen).includes(question)) {
      if (child.exitCode !== null) throw new Error(`ended before "${question}":\n${screen}`);
      await Bun.sleep(20);
    }
    seen = screen.length;
    for (const key of keys) {
      child.terminal?.write(key);
      await Bun.sleep(50);
    }
  }
  return { exitCode: await child.exited, screen };
}

const written = (name: string) =>
  JSON.parse(readFileSync(join(folder.path, "stacks/datasets", `${name}.json`), "utf8"));

test("asks, looks at the sources, and writes a dataset that is valid", async () => {
  const url = `http://127.0.0.1:${server.port}/dump.jsonl`;
  const { exitCode, screen } = await converse(
    [],
    [
      ["Its name", "Bad Name", ENTER],
      ["At most 32", ...Array(8).fill(BACKSPACE), "relay-2024", ENTER],
      ["Its sources", url, ENTER],
      ["uncompressed", ENTER],
      ["The region", ENTER],
      ["An existing bucket", ENTER],
      ["Check every signature", "n"],
      ["how many hours", ENTER],
      ["Instances", DOWN, ENTER],
      ["E-mail", "me@example.org", ENTER],
    ],
  );
  expect([exitCode, screen]).toEqual([0, expect.stringContaining("npx cdktf deploy relay-2024")]);
  expect(screen).toContain("1 file, 3 MB");
  expect(screen).toContain("Expected: about");
  const config = written("relay-2024");
  expect(config).toEqual({
    $schema: "../dataset.schema.json",
    source: { urls: [url], size: "3MB" },
    region: "us-east-1",
    convert: { validateSignatures: false },
    deadlineHours: 24,
    maxRunHours: 72,
    purchase: "on-demand",
    alarms: { email: "me@example.org" },
  });
  expect(datasetSchema.safeParse(config).success).toBe(true);
}, 60_000);

test("replaces no dataset unasked, and writes nothing when it is left", async () => {
  mkdirSync(join(folder.path, "stacks/datasets"), { recursive: true });
  writeFileSync(join(folder.path, "stacks/datasets/kept.json"), "{}");
  const rest: [string, ...string[]][] = [
    ["Its sources", "s3://nobody-has-this/x.jsonl https://127.0.0.1:9/x", ENTER],
    ["uncompressed", "1TB", ENTER],
    ["The region", ENTER],
    ["An existing bucket", "our-archive", ENTER],
    ["Check every signature", "y"],
    ["how many hours", ENTER],
    ["Instances", ENTER],
    ["E-mail", ENTER],
    ["exists. Replace it", "n"],
  ];
  const { exitCode, screen } = await converse(["kept"], rest);
  expect(screen).toContain("cannot be looked at from here");
  expect([exitCode, screen]).toEqual([1, expect.stringContaining("Nothing was written")]);
  expect(written("kept")).toEqual({});
  expect((await converse(["other"], [["Its sources", "\x03"]])).exitCode).toBe(1);
  expect(() => written("other")).toThrow("ENOENT");
}, 60_000);

test("a name on the command line must be one", () => {
  for (const name of ["../elsewhere", "Bad", "a_b", "", "x".repeat(33)]) {
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, "run", SCRIPT, name], { cwd: folder.path });
    expect([name, exitCode, stderr.toString()]).toEqual([name, 2, expect.stringContaining("is no name of a dataset")]);
  }
});

test("compressed files are taken for four times their size, and said to be", () => {
  const input = { name: "x", modified: null, etag: null };
  const sized = uncompressedSize([
    { ...input, size: 1000, compression: "none" },
    { ...input, size: 1000, compression: "zstd" },
  ]);
  expect(sized.bytes).toBe(5000);
  expect(sized.note).toContain("4 times");
  expect(uncompressedSize([{ ...input, size: null, compression: "none" }]).bytes).toBeNull();
});
