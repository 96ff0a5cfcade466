import { expect, test } from "bun:test";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { writeAt } from "../../cli/store/blocks.ts";
import { createWriteBack } from "../../cli/store/write-back.ts";
import { temporaryFolder } from "../run/cli.ts";

const MIB = 1024 ** 2;
const canTrace = Bun.which("strace") !== null && Bun.spawnSync(["strace", "true"]).success;
if (!canTrace) console.warn("skipped: strace is not there or may not trace");

test("what was written is what is there, whatever was begun of it, and a file that is closed is no matter", () => {
  using folder = temporaryFolder();
  const path = folder.join("file");
  const file = openSync(path, "w");
  const written = createWriteBack(file);
  const piece = Buffer.alloc(3 * MIB, 7);
  for (let n = 0; n < 7; n++) {
    writeAt(file, piece, n * piece.length);
    written(piece.length);
  }
  closeSync(file);
  expect(() => written(20 * MIB)).not.toThrow();
  expect(statSync(path).size).toBe(7 * piece.length);
});

test.skipIf(!canTrace)("the disk is told of long rows of blocks, one behind the other", () => {
  using folder = temporaryFolder();
  const program = `
    import { createAtomicFile } from "${import.meta.dir}/../../cli/store/atomic.ts";
    const file = createAtomicFile("${folder.join("file")}");
    for (let n = 0; n < 21; n++) file.write(Buffer.alloc(${MIB}));
    file.commit();`;
  const log = folder.join("log");
  const { exitCode } = Bun.spawnSync([
    "strace",
    "-f",
    "-e",
    "trace=sync_file_range,fsync",
    "-o",
    log,
    process.execPath,
    "-e",
    program,
  ]);
  expect(exitCode).toBe(0);
  const calls = readFileSync(log, "utf8").match(/sync_file_range\(\d+, \d+, \d+, \w+\)|fsync/g);
  expect(calls).toEqual([
    expect.stringContaining(", 0, 8388608, "),
    expect.stringContaining(", 8388608, 8388608, "),
    "fsync",
    "fsync",
  ]);
});
