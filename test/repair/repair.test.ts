import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { repairFolder, writeCommit } from "../../cli/repair/commit.ts";
import { openCatalog } from "../../cli/run/catalog.ts";
import { workLayout } from "../../cli/store/layout.ts";
import { createRandom } from "../../scripts/generator/random.ts";
import { digests, readManifest, runCli, startCli, temporaryFolder } from "../run/cli.ts";
import { changeEvents, changeIndex, flipBit } from "../verify/damage.ts";
import { repair, startRepairs } from "./repairs.ts";

const KILLS = Number(process.env.PROTON_BEAM_TEST_KILLS ?? 6);

// Each check starts threads: much for a machine that does other things too.
setDefaultTimeout(120_000);

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const { dump, well, first, second, third, damaged, exchange, expectWell } = await startRepairs(folder);

test("an archive that is well is left alone", async () => {
  const archive = damaged(() => {});
  const before = readdirSync(archive).map((name) => [name, statSync(join(archive, name)).mtimeMs]);
  const { stdout, exitCode } = await repair(archive);
  expect(stdout).toBe(`nothing to repair in ${archive}\n`);
  expect(exitCode).toBe(0);
  expect(readdirSync(archive).map((name) => [name, statSync(join(archive, name)).mtimeMs])).toEqual(before);
});

test("files are taken from a copy that has them whole, and from no other", async () => {
  const damage = (archive: string) => {
    flipBit(join(archive, first), 2000);
    rmSync(join(archive, second));
    flipBit(join(archive, "rejected.jsonl.gz"), 300);
  };
  const archive = damaged(damage);
  const { stdout, exitCode } = await repair(archive, "--from", well);
  for (const name of [first, second, "rejected.jsonl.gz"]) expect(stdout).toContain(`${name}: is taken from the copy`);
  expect(exitCode).toBe(0);
  await expectWell(archive);
  expect(readFileSync(join(archive, "manifest.json"), "utf8")).toBe(readFileSync(join(well, "manifest.json"), "utf8"));
  const other = damaged(damage);
  expect(await repair(other, "--from", damaged(damage))).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining("are lost"),
  });
});

test(`killed at any time it goes on (${KILLS} kills)`, async () => {
  const random = createRandom("kills");
  const damage = (archive: string) => {
    exchange(archive);
    changeEvents(join(archive, third), (events) => events.toReversed());
    changeIndex(archive, "DELETE FROM event WHERE rowid % 7 = 0");
  };
  const archive = damaged(damage);
  const started = performance.now();
  expect(await repair(damaged(damage))).toMatchObject({ exitCode: 0 });
  const usual = performance.now() - started;
  for (let i = 0; i < KILLS; i++) {
    const child = startCli(["repair", archive, "--no-progress", "--no-signatures"]);
    await Bun.sleep(random.int(0, Math.round(usual)));
    child.kill("SIGKILL");
    await child.exited;
  }
  expect(await repair(archive)).toMatchObject({ exitCode: 0 });
  await expectWell(archive);
});

test("what changes an archive waits until a repair is finished that was killed while it put files into their places", async () => {
  const archive = damaged((copy) => rmSync(join(copy, "index.db")));
  const work = repairFolder(workLayout(archive));
  mkdirSync(work, { recursive: true });
  renameSync(join(archive, first), join(work, first));
  const steps = [{ made: first, to: first, keep: true }];
  const { indexTags } = readManifest(well);
  writeCommit(work, { steps, rebuildIndex: true, indexTags, told: [], lost: 0, isWhole: true });
  for (const args of [
    ["convert", dump, "-o", archive],
    ["merge", well, "-o", archive],
    ["index", "rebuild", archive],
  ])
    expect(await runCli([...args, "--no-progress"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`proton-beam repair ${archive}`),
    });
  expect(await repair(archive)).toMatchObject({ exitCode: 0 });
  await expectWell(archive);
});

describe("the command", () => {
  test("--dry-run only says", async () => {
    const archive = damaged((copy) => {
      flipBit(join(copy, first), 2000);
      rmSync(join(copy, "index.db"));
    });
    const before = digests(archive);
    const { stdout, exitCode } = await repair(archive, "--dry-run");
    expect(exitCode).toBe(0);
    for (const part of [`${first}: would be`, "index.db: would be", "nothing was changed"])
      expect(stdout).toContain(part);
    expect(digests(archive)).toEqual(before);
    expect(readdirSync(archive)).not.toContain("index.db");
    expect(readdirSync(archive)).not.toContain(".proton-beam");
  });

  test("what it does not do", async () => {
    const fail = async (...args: string[]) => {
      const { stderr, exitCode } = await runCli(["repair", "--no-progress", ...args]);
      return { stderr, exitCode };
    };
    expect(await fail(folder.join("nowhere"))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("there is no"),
    });
    expect(await fail("s3://bucket/archive")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("aws s3 sync"),
    });
    const archive = damaged((copy) => flipBit(join(copy, first), 2000));
    await Bun.write(join(archive, ".proton-beam/plan.json"), "{}");
    expect(await fail(archive)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("unfinished run") });
    rmSync(join(archive, ".proton-beam/plan.json"));
    const catalog = openCatalog(join(archive, ".proton-beam/catalog.db"));
    expect(await fail(archive)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("another proton-beam") });
    catalog.close();
  });
});
