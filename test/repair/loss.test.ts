import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signedEvent } from "../events.ts";
import { readArchive, readDayFile } from "../run/archive.ts";
import { convertOk, readManifest, runCli, temporaryFolder } from "../run/cli.ts";
import { changeEvents, cutShort, dayFileOf, flipBit, linesOf, verifyHere } from "../verify/damage.ts";
import { repair, startRepairs } from "./repairs.ts";

// Each check starts threads: much for a machine that does other things too.
setDefaultTimeout(120_000);

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const { dump, well, first, second, third, damaged, expectWell } = await startRepairs(folder);
const CONVERT = ["--validate-signatures", "--index-tags", "e,p,t"];

describe("what is lost", () => {
  const all = new Set(readArchive(well).map(({ id }) => id));

  async function expectLossAndReturn(archive: string, from: RegExp): Promise<void> {
    const { stdout, exitCode } = await repair(archive);
    expect(stdout).toMatch(from);
    expect(exitCode).toBe(1);
    expect(linesOf(await verifyHere(archive))).toEqual([]);
    const kept = new Set(readArchive(archive).map(({ id }) => id));
    const lost = readFileSync(join(archive, ".proton-beam-damaged/lost-ids.txt"), "utf8").trim().split("\n");
    expect(new Set(lost)).toEqual(all.difference(kept));
    expect(lost.length).toBe(all.size - kept.size);
    expect(readManifest(archive).runs.every(({ whole }) => !whole)).toBe(true);
    await convertOk([dump, "-o", archive, ...CONVERT]);
    await expectWell(archive);
    expect(await repair(archive)).toMatchObject({ exitCode: 0 });
  }

  test("a damaged member: the others are kept, and converting again brings it back", async () => {
    const archive = damaged((copy) => flipBit(join(copy, first), 2000));
    await expectLossAndReturn(archive, /good events; [\d,]+ are lost/);
    expect(readFileSync(join(archive, ".proton-beam-damaged", first))).not.toEqual(readFileSync(join(well, first)));
  });

  test("a file that is cut short, one that is missing, events that were changed", async () => {
    const archive = damaged((copy) => {
      cutShort(join(copy, first), statSync(join(copy, first)).size - 100);
      rmSync(join(copy, second));
      changeEvents(join(copy, third), ([a, ...rest]) => [{ ...a, content: `${a.content}!` }, ...rest]);
    });
    await expectLossAndReturn(archive, /nothing could be saved/);
  });

  test("all daily files", async () => {
    const archive = damaged((copy) => {
      for (const name of [first, second, third]) cutShort(join(copy, name), 0);
    });
    await expectLossAndReturn(archive, /nothing could be saved/);
  });

  test("without an index nothing tells what is lost, but converting again brings it back", async () => {
    const archive = damaged((copy) => {
      flipBit(join(copy, first), statSync(join(copy, first)).size - 1000);
      rmSync(join(copy, "index.db"));
    });
    expect(await repair(archive)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("how many are lost is not known"),
    });
    expect(linesOf(await verifyHere(archive))).toEqual([]);
    await convertOk([dump, "-o", archive, ...CONVERT]);
    await expectWell(archive);
  });

  test("rejected lines: the whole gzip members before the damage are kept", async () => {
    const archive = damaged((copy) => {
      const path = join(copy, "rejected.jsonl.gz");
      const line = JSON.stringify({ source: "a", offset: 0, reason: "invalid-json", line: "{" });
      const good = Bun.gzipSync(Buffer.from(`${line}\n`));
      const bad = readFileSync(path);
      bad[300] ^= 1;
      writeFileSync(path, Buffer.concat([good, bad]));
    });
    expect(await repair(archive)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("rejected.jsonl.gz: is kept up to byte"),
    });
    expect(linesOf(await verifyHere(archive))).toEqual([]);
    await convertOk([dump, "-o", archive, ...CONVERT]);
    await expectWell(archive);
  });

  test("signatures that do not verify, where conversions checked them", async () => {
    const archive = damaged((copy) =>
      changeEvents(join(copy, first), ([a, ...rest]) => [{ ...a, sig: signedEvent().sig }, ...rest]),
    );
    const { stdout, exitCode } = await runCli(["repair", archive, "--no-progress"]);
    expect(stdout).toContain("good events; 1 are lost");
    expect(exitCode).toBe(1);
    expect(linesOf(await verifyHere(archive, true))).toEqual([]);
  });

  test("a file that the manifest does not know is taken in, and never replaced unseen", async () => {
    const events = [1, 2, 3].map((n) => signedEvent({ content: `${n}`, created_at: 1_900_000_000 + n }));
    const archive = damaged((copy) => writeFileSync(join(copy, "2030_03_17.pb.gz"), dayFileOf(events)));
    expect(await repair(archive)).toMatchObject({ exitCode: 0 });
    expect(linesOf(await verifyHere(archive))).toEqual([]);
    expect(readDayFile(join(archive, "2030_03_17.pb.gz"))).toEqual(events);
    expect(readManifest(archive).events).toBe(all.size + 3);
  });
});
