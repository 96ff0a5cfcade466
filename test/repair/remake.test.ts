import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serializeManifest } from "../../cli/run/manifest.ts";
import { readDayFile } from "../run/archive.ts";
import { readManifest, temporaryFolder } from "../run/cli.ts";
import { changeEvents, changeIndex, cutShort, flipBit } from "../verify/damage.ts";
import { repair, startRepairs } from "./repairs.ts";

// Each check starts threads: much for a machine that does other things too.
setDefaultTimeout(120_000);

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const { well, first, second, third, damaged, exchange, expectWell } = await startRepairs(folder);

describe("what can be made anew byte for byte", () => {
  test("headers, order, duplicates, days, files that were exchanged", async () => {
    const events = readDayFile(join(well, second));
    const damages: Record<string, (archive: string) => void> = {
      "the time in a gzip header": (archive) => flipBit(join(archive, first), 4),
      "events that are not sorted, and some twice": (archive) =>
        changeEvents(join(archive, first), (all) => [...all.slice(0, 9), ...all.toReversed()]),
      "events in the file of another day": (archive) => {
        changeEvents(join(archive, second), (all) => all.slice(5));
        changeEvents(join(archive, third), (all) => [...all, ...events.slice(0, 5)]);
      },
      "two files that were exchanged": exchange,
      "a file under a name that is no date": (archive) =>
        renameSync(join(archive, third), join(archive, "2031_13_01.pb.gz")),
    };
    for (const [name, damage] of Object.entries(damages)) {
      const archive = damaged(damage);
      const { stdout, exitCode } = await repair(archive);
      expect({ name, exitCode, stdout: exitCode === 0 ? "" : stdout }).toEqual({ name, exitCode: 0, stdout: "" });
      await expectWell(archive);
      expect(readManifest(archive).runs).toEqual(readManifest(well).runs);
      expect(readdirSync(join(archive, ".proton-beam-damaged"))).not.toEqual([]);
    }
  });

  test("an index that is missing, damaged or wrong", async () => {
    const damages: ((archive: string) => void)[] = [
      (archive) => rmSync(join(archive, "index.db")),
      (archive) => cutShort(join(archive, "index.db"), 30_000),
      (archive) =>
        changeIndex(archive, "DELETE FROM event WHERE rowid % 7 = 0", "UPDATE member SET offset = offset + 1"),
    ];
    for (const damage of damages) {
      const archive = damaged(damage);
      expect(await repair(archive)).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining("index.db: is made anew"),
      });
      await expectWell(archive);
      expect(readManifest(archive)).toMatchObject({ runs: readManifest(well).runs, indexTags: ["e", "p", "t"] });
    }
  });

  test("a manifest that is wrong", async () => {
    const archive = damaged((copy) => {
      const manifest = readManifest(copy);
      for (const file of manifest.files) file.sha256 = "0".repeat(64);
      writeFileSync(join(copy, "manifest.json"), serializeManifest({ ...manifest, events: 1, days: 1 }));
    });
    await repair(archive);
    expect(readManifest(archive).files).toEqual(readManifest(well).files);
    await expectWell(archive);
  });

  test("a manifest that is missing or damaged: the inputs are not known any more", async () => {
    for (const damage of [
      (archive: string) => rmSync(join(archive, "manifest.json")),
      (archive: string) => cutShort(join(archive, "manifest.json"), 100),
    ]) {
      const archive = damaged(damage);
      expect(await repair(archive)).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining("without the inputs"),
      });
      await expectWell(archive);
      const { runs, files, events } = readManifest(archive);
      expect(runs).toEqual([]);
      expect(files).toEqual(readManifest(well).files);
      expect(events).toBe(readManifest(well).events);
    }
  });
});
