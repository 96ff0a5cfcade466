import { afterAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import type { InstanceSettings } from "../../user-data/render.ts";
import { digests } from "../run/cli.ts";
import { startWorld, until, type World, writeFile } from "./world.ts";

type Extra = Parameters<World["boot"]>[1];

const LONG = 120_000;
const FAILED = { desired: [0, 0], succeeded: 0, failed: 1, started: false };

const world = await startWorld();
afterAll(() => world.stop(), LONG);
const { fast, slow } = world.sources;

/** A proxy that answers the first `left` requests with 503. */
function startFailing(target: string, left: number) {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      if (left-- > 0) return new Response("", { status: 503 });
      return fetch(new Request(`${target}${new URL(request.url).pathname}`, request));
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, left: () => left, stop: () => server.stop(true) };
}

/** What service.sh notes when the converter has ended four times in this hour. */
function fourTimes(): string {
  return `${Math.floor(Date.now() / 1000)}\n`.repeat(4);
}

/** Boots a machine whose run fails: the log says so with `message`, and nothing of the run is left. */
async function expectFailure(name: string, message: string, settings: InstanceSettings, extra?: Extra) {
  await world.makeGroups(name);
  const machine = await world.boot(settings, extra);
  await machine.off;
  expect(world.log(name)).toContain(`RunFailed: ${message}`);
  expect(await world.state(name)).toEqual(FAILED);
  return machine;
}

test(
  "downloads are repeated, and what a run long over left does not end this one",
  async () => {
    await world.makeGroups("repeated");
    await world.put("logs", "repeated/run/started", "1000000000");
    const failing = startFailing(world.web.url, 2);
    const { bun } = world.settings("repeated", []);
    const machine = await world.boot(
      world.settings("repeated", [fast], { bun: { ...bun, url: `${failing.url}/@oven` } }),
    );
    await machine.off;
    failing.stop();
    expect(failing.left()).toBeLessThan(0);
    expect(digests(world.archive("repeated"))).toEqual(digests(await world.convertHere(fast)));
    expect(await world.state("repeated")).toEqual({ ...FAILED, succeeded: 1, failed: 0 });
  },
  LONG,
);

test(
  "a wrong checksum ends the run",
  async () => {
    const { bun } = world.settings("checksum", []);
    const wrong = "0".repeat(128);
    const machine = await expectFailure(
      "checksum",
      `the step 'Bun ${bun.version}' failed with status 1. Check that`,
      world.settings("checksum", [fast], { bun: { ...bun, sha512: { x64: wrong, aarch64: wrong } } }),
    );
    expect(existsSync(machine.path("opt/proton-beam/bin/bun"))).toBe(false);
  },
  LONG,
);

test(
  "a source that is not there ends the run",
  async () => {
    const settings = world.settings("missing", [`${world.web.url}/none.jsonl`]);
    await expectFailure("missing", "the converter failed", settings);
    expect(world.log("missing")).toContain("none.jsonl");
  },
  LONG,
);

test(
  "a disk that is too small ends the run and is named as the reason",
  async () => {
    const small = { volumeBytes: 4.5 * 1024 * 1024, files: { "opt/proton-beam/crashes": fourTimes() } };
    const message = "the converter ended five times in an hour (exited/75)";
    await expectFailure("small", message, world.settings("small", [fast]), small);
    expect(world.log("small")).toContain("the disk of /var/lib/proton-beam/work is full");
  },
  LONG,
);

test(
  "a machine without a blank disk ends the run",
  async () => {
    // The minute that it waits for one passes quickly here.
    const files = { "usr/local/bin/sleep": "#!/bin/sh\n" };
    const message = "the step 'work volume' failed with status 1. Attach an empty disk";
    await expectFailure("disk", message, world.settings("disk", [fast]), { volumeBytes: 0, files });
  },
  LONG,
);

test(
  "a run that hangs is ended at the deadline, counted from its first machine",
  async () => {
    await world.makeGroups("hanging");
    const bytes = readFileSync(world.dump.path);
    const stalling = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 255,
      // Without a length, and without an end.
      fetch: () =>
        new Response(new ReadableStream({ start: (controller) => controller.enqueue(bytes.subarray(0, 3e6)) })),
    });
    await world.put("logs", "hanging/run/started", String(Math.floor(Date.now() / 1000) - 3575));
    const machine = await world.boot(world.settings("hanging", [`http://127.0.0.1:${stalling.port}/endless.jsonl`]));
    await until("it converts", () => world.segments("hanging") > 0);
    const next = () =>
      machine.run("systemctl", "show", "--value", "-p", "NextElapseUSecRealtime", "proton-beam-deadline.timer");
    const before = (await next()).stdout;
    // Package managers do this at any time.
    await machine.run("systemctl", "daemon-reload");
    expect([before, (await next()).stdout]).toEqual([expect.stringMatching(/\d/), before]);
    await machine.off;
    await stalling.stop(true);
    expect(world.log("hanging")).toContain("the converter ended: exit-code, exited/75");
    expect(world.log("hanging")).toContain("RunFailed: the maximum run time of 3600 s is over");
    expect(world.segments("hanging")).toBeGreaterThan(3);
    expect(await world.state("hanging")).toEqual(FAILED);
  },
  LONG,
);

test(
  "a converter that crashes again and again ends the run, also when Auto Scaling does not answer at once",
  async () => {
    await world.makeGroups("crashing");
    const settings = world.settings("crashing", [slow]);
    const failing = startFailing(String(settings.endpoints.autoscaling), 2);
    const endpoints = { ...settings.endpoints, autoscaling: failing.url };
    const machine = await world.boot({ ...settings, endpoints });
    await until("it converts", () => world.segments("crashing") > 0);
    writeFile(machine.path("opt/proton-beam/crashes"), fourTimes());
    await machine.run("systemctl", "kill", "--signal=SEGV", "--kill-who=main", "proton-beam.service");
    await machine.off;
    failing.stop();
    expect(failing.left()).toBeLessThan(0);
    expect(world.log("crashing")).toContain("RunFailed: the converter ended five times in an hour (");
    expect(await world.state("crashing")).toEqual(FAILED);
  },
  LONG,
);

test(
  "a machine that cannot even write its files does not stay",
  async () => {
    const machine = await world.boot(world.settings("nothing", [fast]), { files: { "opt/proton-beam": "a file" } });
    await machine.off;
    expect(machine.read("var/log/cloud-init-output.log")).toContain("mkdir: cannot create directory");
  },
  LONG,
);
