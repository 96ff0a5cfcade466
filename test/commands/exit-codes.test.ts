import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { runCli, temporaryFolder } from "../run/cli.ts";

test.each<[what: string, args: string[], error: RegExp]>([
  ["no command", [], /^proton-beam: Name a command\.\n/],
  ["an unknown command", ["transmogrify"], /Unknown argument: transmogrify\n/],
  ["a command without its subcommand", ["index"], /Name a command of index: rebuild\.\n/],
  ["an unknown subcommand", ["index", "transmogrify"], /Unknown argument: transmogrify\n/],
  ["an unknown option", ["status", "--transmogrify"], /Unknown argument: transmogrify\n/],
  ["an option without its value", ["estimate", "dump.jsonl", "--prices"], /Not enough arguments following: prices\n/],
  ["a value that cannot be read", ["query", "--since", "foo"], /"foo" is no time; /],
  ["options that exclude each other", ["export", "--days", "2024-01-01", "--since", "1"], /mutually exclusive\n/],
  ["neither input nor dataset", ["convert", "-o", "archive"], /Name an input, or a --dataset\.\n/],
  ["a dataset that is not there", ["convert", "--dataset", "missing.json", "-o", "archive"], /missing\.json cannot be/],
  ["a value that a command refuses", ["status", "--stalled-after", "x"], /stalledAfter\n/],
])("%s is bad usage", async (_what, args, error) => {
  const { stdout, stderr, exitCode } = await runCli(args);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(error);
  expect(stderr).toEndWith("See proton-beam --help.\n");
});

test("an error that no command expects is a failure, not bad usage", async () => {
  using folder = temporaryFolder();
  const archive = folder.join("archive");
  mkdirSync(archive);
  writeFileSync(`${archive}/index.db`, "no index at all".repeat(100));
  const { stdout, stderr, exitCode } = await runCli(["report", archive]);
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toBe("proton-beam: file is not a database\n");
});
