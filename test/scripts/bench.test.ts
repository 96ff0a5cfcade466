import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyStart, provideDump, UNIQUE_EVENTS } from "../../scripts/bench/dumps.ts";
import { fitLine } from "../../scripts/bench/line-fit.ts";
import { createTable, ratio } from "../../scripts/bench/table.ts";
import { makeDump, temporaryFolder } from "../run/cli.ts";

const BENCH = join(import.meta.dir, "../../scripts/bench.ts");
/** A value with its unit, and a goal with its verdict. */
const FIGURE = /^ {2}(\S.*?) {2,}(-?[\d,.]+)(?: [A-Za-z%/]+)?(?: {3}(?:>=|<) [\d,.]+(?: [A-Za-z%/]+)?\s+(ok|MISSED))?$/;

const JUDGED = [
  "with signatures / verify",
  "without / JSON.parse and gzip 6 of the input",
  "temporary space / input, at most",
  "main thread's share of the work, with signatures",
  "main thread's share of the work, without signatures",
  "index, rows per second of its thread",
  "2 workers / 1 worker / 2, with signatures",
  "2 workers / 1 worker / 2, without signatures",
  "main thread's share of the work, by chunks",
  "workers that keep the main thread busy",
  "straight line: R2",
  "main thread's share of the CPU time that comes with each line",
  "peak memory, largest / smallest",
  "bun cli/main.ts --version",
  "the compiled program --version",
  "what more workers add to it",
  "lines of this dump / of unique events",
  "with signatures / verify",
  "without / JSON.parse and gzip 6 of the input",
  "with signatures",
  "without signatures",
  "lines that are kept, or repeat one that is",
];
const SHOWN = [
  ...["verify", "JSON.parse", "gzip 6 of the input", "gzip 6 of the events"].flatMap((loop) =>
    ["before", "between", "after", "CPU time"].map((part) => `${loop}, ${part}`),
  ),
  "whole process",
  "as its summary says",
  "map",
  "reduce",
  "index, after the reduce",
  "peak memory",
  "peak temporary space",
  "without / JSON.parse and gzip 6 of the events",
  "1 worker on 1 core, with signatures",
  "bare JSON.parse and gzip 6: 2 threads / 1 thread / 2",
  "main thread per chunk",
  "straight line: largest deviation of a size",
  "whole conversion of 10 events, 2 workers",
];

test("bench shows every figure, says whether it meets its goal, and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  const { path } = await makeDump(folder.join("real"), "real.jsonl", { lines: 20, duplicates: 0, invalid: 0 });
  const options = ["--lines", "500", "--parallel", "2", "--loop-seconds", "0.02", "--start-ups", "1"];
  const child = Bun.spawn(
    [process.execPath, "run", BENCH, ...options, "--sample", path, "--repeat", "3", "--dir", folder.path],
    { stdout: "pipe", stderr: "pipe" },
  );
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect({ errors, exitCode: await child.exited }).toEqual({ errors: "", exitCode: 0 });

  const lines = output.split("\n").filter((line) => line.startsWith("  "));
  const figures = lines.map((line) => FIGURE.exec(line) ?? `not a figure: ${line}`);
  expect(figures.filter((figure) => typeof figure === "string")).toEqual([]);
  const judged = figures.flatMap(([, name, , verdict]) => (verdict === undefined ? [] : [name]));
  expect(judged).toEqual(JUDGED);
  const names = new Set(figures.map(([, name]) => name));
  expect(SHOWN.filter((name) => !names.has(name))).toEqual([]);
  expect(output).toMatch(new RegExp(`\\n\\d+ of ${judged.length} goals met\\n$`));
  expect(readdirSync(folder.path)).toEqual(["real"]);
}, 180_000);

test("bench keeps its dumps when it is asked to, and takes those that fit", async () => {
  using folder = temporaryFolder();
  const path = folder.join("dump.jsonl");
  const settings = { ...UNIQUE_EVENTS, lines: 300 };
  await provideDump(path, settings, 1);
  const made = readFileSync(path);
  // What is beyond the lines that are compared shows whether the file is the same one.
  const marked = Buffer.concat([made.subarray(0, -10), Buffer.from("marked...\n")]);
  writeFileSync(path, marked);
  await provideDump(path, settings, 1);
  expect(readFileSync(path).equals(marked)).toBe(true);
  await provideDump(path, { ...settings, seed: "other" }, 1);
  expect(readFileSync(path).equals(marked)).toBe(false);
  await provideDump(path, settings, 1);
  expect(readFileSync(path).equals(made)).toBe(true);
  writeFileSync(path, made.toString().replace(/[0-9a-f]/, "x"));
  await provideDump(path, settings, 1);
  expect(readFileSync(path).equals(made)).toBe(true);
});

test("the lines that are copied are those that begin in the share", async () => {
  using folder = temporaryFolder();
  const [from, to] = [folder.join("from"), folder.join("to")];
  writeFileSync(from, "aaaa\nbbbb\ncccc\ndddd\n");
  const copied = (share: number) => {
    copyStart(from, share, to);
    return readFileSync(to, "utf8");
  };
  expect(copied(0.05)).toBe("aaaa\n");
  expect(copied(0.25)).toBe("aaaa\n");
  expect(copied(0.3)).toBe("aaaa\nbbbb\n");
  expect(copied(1)).toBe("aaaa\nbbbb\ncccc\ndddd\n");
});

test("a figure meets a goal that it reaches", () => {
  const lines: string[] = [];
  const table = createTable((line) => lines.push(line));
  table.figure("a", 0.85, ratio, { atLeast: 0.85 });
  table.figure("b", 0.84, ratio, { atLeast: 0.85 });
  table.figure("c", 0.59, ratio, { below: 0.6 });
  table.figure("d", 0.6, ratio, { below: 0.6 });
  table.figure("e", 7, ratio);
  table.end();
  const cells: unknown[] = lines.map((line) => FIGURE.exec(line)?.slice(1));
  expect(cells).toEqual([
    ["a", "0.85", "ok"],
    ["b", "0.84", "MISSED"],
    ["c", "0.59", "ok"],
    ["d", "0.60", "MISSED"],
    ["e", "7.00", undefined],
    undefined,
  ]);
  expect(lines.at(-1)).toBe("\n2 of 4 goals met");
});

test("the line through points", () => {
  const exact = fitLine([1, 2, 5, 10].map((x) => ({ x, y: 3 + 2 * x })));
  expect(exact.slope).toBeCloseTo(2, 12);
  expect(exact.start).toBeCloseTo(3, 12);
  expect(exact.r2).toBeCloseTo(1, 12);
  expect(exact.largestDeviation).toBeCloseTo(0, 12);
  // y = 0, 0, 3 over x = 0, 1, 2: slope 3/2, start -1/2; the residuals are 1/2, -1, 1/2 of a variation of 6.
  const rough = fitLine([0, 0, 3].map((y, x) => ({ x, y })));
  expect([rough.slope, rough.start, rough.r2, rough.largestDeviation]).toEqual([1.5, -0.5, 0.75, 1]);
});
