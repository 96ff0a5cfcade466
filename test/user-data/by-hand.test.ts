import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { renderUserData } from "../../user-data/render.ts";
import { digests } from "../run/cli.ts";
import { startWorld, until } from "./world.ts";

const LONG = 120_000;

const world = await startWorld();
afterAll(() => world.stop(), LONG);
const { fast } = world.sources;

test(
  "by hand it leaves the machine on, and may run again",
  async () => {
    const settings = world.settings("hand", [fast], {
      logs: null,
      autoScalingGroups: [],
      metricsNamespace: null,
      bundle: { url: "/opt/bundle.tar.gz", sha256: world.bundle.sha256 },
      volume: "directory",
      terminate: false,
      endpoints: { s3: world.s3.url },
    });
    const files = {
      "opt/by-hand": renderUserData(settings),
      "opt/bundle.tar.gz": readFileSync(world.bundle.path),
    };
    const machine = await world.bootIdle(files);
    const byHand = () =>
      machine.run("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", ...pairs(world.s3.env), "/opt/by-hand");
    const state = async () => (await machine.run("systemctl", "is-active", "proton-beam.service")).stdout.trim();
    const log = () => machine.read("var/log/proton-beam-bootstrap.log");
    const ends = () => log().split("RunSucceeded").length - 1;

    const first = await byHand();
    expect([first.exitCode, first.stdout]).toEqual([0, expect.stringContaining("the converter runs: follow it")]);
    // Its package archive has no compiler.
    expect(first.stdout).toContain("warning: the library for signatures cannot be compiled");
    await until("it has ended", () => ends() === 1);
    const undisturbed = digests(await world.convertHere(fast));
    expect(digests(world.archive("hand"))).toEqual(undisturbed);

    const second = await byHand();
    // What Bun says when it compiles: only the first time.
    const compiling = /bundle {2}\d+ modules/;
    expect([second.exitCode, compiling.test(first.stdout)]).toEqual([0, true]);
    expect(second.stdout).not.toMatch(compiling);
    await until("it has ended again", () => ends() === 2);
    expect(digests(world.archive("hand"))).toEqual(undisturbed);
    await until("all is quiet", async () => (await state()) === "inactive");
    expect(machine.isOff()).toBe(false);
    expect((await machine.run("systemctl", "list-timers", "--all", "proton-beam*")).stdout).toContain("0 timers");
    expect(machine.read("var/lib/proton-beam/work-metrics.log")).toContain('"Dataset":"hand"');
    for (const secret of world.secrets) expect(log()).not.toContain(secret);
  },
  LONG,
);

function pairs(env: Record<string, string>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}
