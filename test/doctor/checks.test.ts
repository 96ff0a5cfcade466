import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { readCgroupLimits } from "../../cli/doctor/cgroup.ts";
import { ok, runChecks } from "../../cli/doctor/finding.ts";
import { checkMemory, checkProcessors } from "../../cli/doctor/host.ts";
import { temporaryFolder } from "../run/cli.ts";

test("a check that fails or hangs hides nothing, and the order stays", async () => {
  const findings = await runChecks(
    [
      { about: "hangs", run: () => new Promise(() => {}) },
      {
        about: "fails",
        run: () => {
          throw new Error("no such thing");
        },
      },
      { about: "works", run: async () => [ok("works", "well"), ok("works", "twice")] },
    ],
    100,
  );
  expect(findings.map(({ level, about, text }) => `${level} ${about}: ${text}`)).toEqual([
    "problem hangs: no answer for 0.1 s",
    "problem fails: no such thing",
    "ok works: well",
    "ok works: twice",
  ]);
});

/** Control groups as the kernel shows them: files below a folder. */
function limitsOf(files: Record<string, string>, membership: string) {
  using folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(folder.join("fs", name)), { recursive: true });
    writeFileSync(folder.join("fs", name), `${text}\n`);
  }
  writeFileSync(folder.join("self"), membership);
  return readCgroupLimits(folder.join("fs"), folder.join("self"));
}

test("the least limit of a control group and those above it holds", () => {
  const nested = {
    "a/cpu.max": "max 100000",
    "a/b/cpu.max": "150000 100000",
    "a/b/memory.max": "2000",
    "a/memory.max": "1000",
  };
  expect(limitsOf(nested, "0::/a/b\n")).toEqual({ cpus: 1.5, memory: 1000 });
  expect(limitsOf(nested, "0::/a\n")).toEqual({ cpus: null, memory: 1000 });
  expect(limitsOf({ "cpu.max": "200000 100000", "memory.max": "max" }, "0::/\n")).toEqual({ cpus: 2, memory: null });
  expect(limitsOf({}, "")).toEqual({ cpus: null, memory: null });
});

test("limits of version 1 are read, where none is a huge number", () => {
  const files = { "cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000" };
  expect(limitsOf({ ...files, "memory/memory.limit_in_bytes": "9223372036854771712" }, "3:cpu:/x\n")).toEqual({
    cpus: 0.5,
    memory: null,
  });
  expect(limitsOf({ "memory/memory.limit_in_bytes": "4096" }, "").memory).toBe(4096);
});

test("limits below what the workers take are told with how many fit", () => {
  expect(checkMemory({ cpus: null, memory: 100e6 })[0].level).toBe("problem");
  const [little] = checkMemory({ cpus: null, memory: 400e6 });
  expect(little.level === "ok" || little.fix === "Convert with --parallel 1.").toBe(true);
  const halved = checkProcessors({ cpus: 0.5, memory: null }).find(({ level }) => level === "warning");
  expect(halved).toMatchObject({ text: expect.stringContaining("0.5"), fix: expect.stringContaining("--parallel 1") });
});
