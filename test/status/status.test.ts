import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { convertOk, makeDump, readManifest, runCli, startCli, temporaryFolder } from "../run/cli.ts";
import { CHUNKS, isReading, startHalf, statusOnce } from "./half.ts";

const MAIN = join(import.meta.dir, "../../cli/main.ts");

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const dump = await makeDump(folder.path, "dump.jsonl", { lines: 3000, days: 4 });
const bytes = readFileSync(dump.path);

describe("status of a run on this machine", () => {
  test("that runs is seen within seconds; then stopped, killed, taken up again and complete", async () => {
    const out = folder.join("local");
    const child = startHalf(bytes, out);
    const running = await statusOnce([out], isReading);
    expect(running).toMatchObject({
      state: "running",
      machine: { host: hostname(), pid: child.pid },
      phase: { name: "Reading", unit: "bytes", total: null },
      sessions: 1,
      interruptions: 0,
      cost: { total: null },
      archive: null,
    });
    expect(running.rejected).toBeGreaterThan(0);
    expect(running.work.segments).toBeGreaterThan(2);
    const text = await runCli(["status", out]);
    expect(text.stdout).toMatch(/^Reading .* events\/s/m);
    expect(text.stdout).toMatch(/^state +running$/m);
    expect(text.stdout).toMatch(/^committed +\d+ segments, 0 days$/m);

    child.kill("SIGTERM");
    expect(await child.exited).toBe(75);
    const stopped = await statusOnce([out], () => true);
    expect(stopped).toMatchObject({
      state: "interrupted",
      message: expect.stringContaining("run the same command again"),
      interruptions: 1,
    });

    const killed = startHalf(bytes, out);
    await statusOnce([out], ({ state }) => state === "running");
    killed.kill("SIGKILL");
    await killed.exited;
    expect(await statusOnce([out], () => true)).toMatchObject({
      state: "interrupted",
      message: expect.stringContaining("without a word"),
      sessions: 2,
      interruptions: 2,
    });

    await convertOk(["-", "-o", out, ...CHUNKS], new Blob([bytes]));
    const { events, days, runs } = readManifest(out);
    expect(await statusOnce([out], () => true)).toMatchObject({
      state: "complete",
      message: null,
      phase: null,
      work: null,
      sessions: 3,
      interruptions: 2,
      counts: runs[0].counts,
      archive: { events, days },
    });
    expect(readdirSync(out)).not.toContain("status.json");
  }, 60_000);

  test("that stands still is stalled, and goes on", async () => {
    const out = folder.join("stalled");
    const child = startHalf(bytes, out);
    await statusOnce([out], isReading);
    child.kill("SIGSTOP");
    const stalled = await statusOnce([out, "--stalled-after", "0.03"], ({ state }) => state === "stalled");
    expect(stalled).toMatchObject({ state: "stalled", message: expect.stringContaining("no sign of life") });
    expect((await statusOnce([out], () => true)).state).toBe("running");
    child.kill("SIGCONT");
    expect((await statusOnce([out], ({ updated }) => updated !== stalled.updated)).updated).not.toBe(stalled.updated);
    child.kill("SIGKILL");
    await child.exited;
  }, 60_000);

  test("that failed says why", async () => {
    const out = folder.join("failed");
    const cutShort = new Blob([Bun.gzipSync(bytes).subarray(0, 100_000)]);
    const { stderr, exitCode } = await runCli(["convert", "-", "-o", out, "--no-progress"], cutShort);
    expect(exitCode).toBe(1);
    const status = await statusOnce([out], () => true);
    expect(status.state).toBe("failed");
    expect(stderr).toBe(`proton-beam: ${status.message}\n`);
    expect((await runCli(["status", out])).stdout).toContain(`failed: ${status.message}\n`);
  }, 60_000);

  test("of an archive without a log, of an unfinished run without one, and of nothing", async () => {
    const out = folder.join("bare");
    await convertOk([dump.path, "-o", out]);
    rmSync(join(out, "proton-beam.log"));
    expect(await statusOnce([out], () => true)).toMatchObject({ state: "complete", sessions: 0, updated: null });
    const work = folder.join("work");
    mkdirSync(join(work, ".proton-beam"), { recursive: true });
    writeFileSync(join(work, ".proton-beam/plan.json"), "{}");
    expect(await statusOnce([work], () => true)).toMatchObject({
      state: "interrupted",
      work: { segments: 0, days: 0 },
    });
    for (const nothing of [folder.join("none"), folder.path]) {
      const { exitCode, stderr, stdout } = await runCli(["status", nothing]);
      expect([exitCode, stdout, stderr]).toEqual([1, "", expect.stringContaining("no run and no archive in")]);
    }
  }, 60_000);
});

describe("--watch", () => {
  test("shows the run until it is complete", async () => {
    const out = folder.join("watched");
    const gate = Promise.withResolvers<void>();
    const whole = new ReadableStream({
      start: async (controller) => {
        controller.enqueue(bytes.subarray(0, 1_000_000));
        await gate.promise;
        controller.enqueue(bytes.subarray(1_000_000));
        controller.close();
      },
    });
    const child = startCli(["convert", "-", "-o", out, ...CHUNKS], whole);
    await statusOnce([out], isReading);
    const watch = startCli(["status", out, "--watch", "--json"]);
    let text = "";
    for await (const piece of watch.stdout.pipeThrough(new TextDecoderStream())) {
      text += piece;
      gate.resolve();
    }
    expect(await watch.exited).toBe(0);
    await child.exited;
    const states = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).state);
    expect([states[0], states.at(-1)]).toEqual(["running", "complete"]);
  }, 60_000);

  test("is ended by Ctrl-C with exit code 0, and by a closed pipe", async () => {
    const out = folder.join("endless");
    const child = startHalf(bytes, out);
    await statusOnce([out], isReading);
    const watch = startCli(["status", out, "--watch"]);
    const reader = watch.stdout.getReader();
    await reader.read();
    watch.kill("SIGINT");
    expect(await watch.exited).toBe(0);
    const piped = Bun.spawnSync(["sh", "-c", `"${process.execPath}" run "${MAIN}" status "${out}" --watch | head -1`], {
      timeout: 15_000,
    });
    expect([piped.exitCode, piped.stdout.toString(), piped.stderr.toString()]).toEqual([0, `${out}\n`, ""]);
    child.kill("SIGKILL");
    await child.exited;
  }, 60_000);
});
