import { afterAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { digests, readManifest } from "../run/cli.ts";
import { startWorld, until } from "./world.ts";

const LONG = 120_000;

const world = await startWorld();
afterAll(() => world.stop(), LONG);
const { fast, slow } = world.sources;
const undisturbed = await world.convertHere(slow);

const CURL = '#!/bin/bash\nprintf "%s\\n" "$*" >>/var/log/curl-arguments\nexec /usr/bin/curl "$@"\n';

test(
  "a spot machine that is taken is replaced by one that resumes and ends the run",
  async () => {
    await world.makeGroups("spot");
    const settings = world.settings("spot", [slow]);
    const first = await world.boot(settings, { files: { "usr/local/bin/curl": CURL } });
    await until("some segments are in S3", () => world.segments("spot") >= 3);
    const processes = (await first.run("ps", "axww", "-o", "args")).stdout;
    world.metadata.documents.set("spot/instance-action", '{"action":"terminate","time":"2026-01-01T00:00:00Z"}');
    await first.off;
    expect(world.log("spot")).toContain("EC2 takes this machine; the next one goes on");
    expect(world.log("spot", "proton-beam.log")).toContain("EC2 is going to take this spot instance");
    expect(world.log("spot", "journal.log")).toContain("proton-beam.service");
    expect(await world.state("spot")).toEqual({ desired: [1, 0], succeeded: 0, failed: 0, started: true });
    world.metadata.documents.delete("spot/instance-action");
    const startTime = world.s3.path("logs/spot/run/started");
    const started = readFileSync(startTime, "utf8");

    // What others on the machine can see, and what is sent away.
    const calls = first.read("var/log/curl-arguments");
    expect([processes, calls]).toEqual([
      expect.stringContaining("proton-beam convert"),
      expect.stringContaining("sigv4"),
    ]);
    const shown = [
      processes,
      calls,
      world.log("spot"),
      world.log("spot", "journal.log"),
      world.log("spot", "proton-beam.log"),
    ];
    for (const secret of [...world.secrets, "X-aws-ec2-metadata-token: "])
      expect(shown.join("\n")).not.toContain(secret);

    const second = await world.boot(settings);
    await until("it converts", () => second.read("var/log/proton-beam-bootstrap.log").includes("the converter runs"));
    expect(readFileSync(startTime, "utf8")).toBe(started);
    await second.off;
    expect(second.read("var/log/proton-beam-bootstrap.log")).toMatch(/resumed +\d+ chunks/);
    expect(digests(world.archive("spot"))).toEqual(digests(undisturbed));
    expect(readManifest(world.archive("spot")).events).toBe(readManifest(undisturbed).events);
    expect(await world.state("spot")).toEqual({ desired: [0, 0], succeeded: 1, failed: 0, started: false });
  },
  LONG,
);

test(
  "a killed converter starts again; a person can stop and start it",
  async () => {
    await world.makeGroups("killed");
    const machine = await world.boot(world.settings("killed", [slow]));
    await until("some segments are in S3", () => world.segments("killed") >= 3);
    await machine.run("systemctl", "kill", "--signal=KILL", "--kill-who=main", "proton-beam.service");
    const log = () => machine.read("var/log/proton-beam-bootstrap.log");
    await until("the death is seen", () => log().includes("the converter ended: signal, killed/KILL"));
    const before = world.segments("killed");
    await until("it goes on", () => world.segments("killed") > before);

    expect((await machine.run("systemctl", "stop", "proton-beam.service")).exitCode).toBe(0);
    expect(log()).toContain("the converter ended: exit-code, exited/75");
    expect(world.log("killed", "proton-beam.log")).not.toBe("");
    expect(await world.state("killed")).toEqual({ desired: [1, 0], succeeded: 0, failed: 0, started: false });
    expect(machine.isOff()).toBe(false);

    await machine.run("systemctl", "start", "proton-beam.service");
    await machine.off;
    expect(digests(world.archive("killed"))).toEqual(digests(undisturbed));
    expect(await world.state("killed")).toEqual({ desired: [0, 0], succeeded: 1, failed: 0, started: false });
  },
  LONG,
);

test(
  "a machine of the fallback group replaces the spot group, and waits for a machine that is still at work",
  async () => {
    await world.makeGroups("fallback");
    // As slow as is needed for the machines to meet.
    let delay = 1500;
    const delaying = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        await Bun.sleep(delay);
        return fetch(new Request(fast, request));
      },
    });
    const source = `http://127.0.0.1:${delaying.port}/dump.jsonl`;
    const settings = world.settings("fallback", [source]);
    const spot = await world.boot(settings);
    await until("it converts", () => world.segments("fallback") > 0);
    const fallback = await world.boot({ ...settings, standby: "fallback-spot" });
    const log = () => fallback.read("var/log/proton-beam-bootstrap.log");
    await until("the other one is seen", () => log().includes("this machine stands by"));
    delay = 0;
    expect((await world.state("fallback")).desired).toEqual([0, 0]);
    await Promise.all([spot.off, fallback.off]);
    expect(log()).toContain("RunSucceeded");
    expect(digests(world.archive("fallback"))).toEqual(digests(await world.convertHere(source)));
    // It is made by a thread of its own, which must be in the executable too.
    expect(readdirSync(world.archive("fallback"))).toContain("report.html");
    await delaying.stop(true);
  },
  LONG,
);
