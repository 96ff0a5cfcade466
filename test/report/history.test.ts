import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { instanceHour, readPrices } from "../../cli/dataset/prices.ts";
import { costOf } from "../../cli/report/cost.ts";
import { machineHours, phaseTimes, type RunHistory, readHistory, throughputOf } from "../../cli/report/history.ts";
import { startMetadataService } from "../../scripts/services/metadata-service.ts";
import { convertOk, makeDump, readManifest, runCli, startCli, temporaryFolder } from "../run/cli.ts";

const CHUNKS = ["--chunk-bytes", "200000"];
const folder = temporaryFolder();
const metadata = startMetadataService(null);
afterAll(() => {
  metadata.stop();
  folder[Symbol.dispose]();
});
metadata.documents.set("instance-type", "c7i.2xlarge");
metadata.documents.set("instance-life-cycle", "spot");
metadata.documents.set("placement/region", "eu-central-1");
const onEc2 = { AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url };

const dump = await makeDump(folder.path, "dump.jsonl", { lines: 6000, days: 6 });
const later = await makeDump(folder.path, "later.jsonl", { lines: 500, days: 2 });
const archive = folder.join("archive");

const segments = () => {
  const path = join(archive, ".proton-beam/segments");
  return existsSync(path) ? readdirSync(path).filter((name) => name.endsWith(".seg")).length : 0;
};

/** Converts until so many segments are there, and ends the process by a signal. */
async function stopAt(count: number, signal: NodeJS.Signals, env: Record<string, string>): Promise<number> {
  const child = startCli(["convert", dump.path, "-o", archive, "-j", "1", ...CHUNKS], "ignore", env);
  while (child.exitCode === null && segments() < count) await Bun.sleep(2);
  child.kill(signal);
  return child.exited;
}

expect(await stopAt(4, "SIGTERM", onEc2)).toBe(75);
const between = segments();
await stopAt(between + 4, "SIGKILL", {});
expect((await runCli(["convert", later.path, "-o", archive, ...CHUNKS])).exitCode).toBe(1);
await convertOk([dump.path, "-o", archive, ...CHUNKS], undefined, onEc2);
await convertOk([later.path, "-o", archive, ...CHUNKS]);
await convertOk([later.path, "-o", archive, ...CHUNKS]);
const log = readFileSync(join(archive, "proton-beam.log"), "utf8");
const history = readHistory(log);

describe("the history of an archive", () => {
  test("has its runs, with each process and how it ended", () => {
    expect(history.map(({ sessions }) => sessions.map(({ ended }) => ended))).toEqual([
      ["interrupted", "vanished", "failed", "complete"],
      ["complete"],
      ["complete"],
    ]);
    expect(history.map(({ interruptions }) => interruptions)).toEqual([2, 0, 0]);
    expect(history[0].sessions.map(({ message }) => message)).toEqual([
      expect.stringContaining("interrupted: run the same command again"),
      null,
      expect.stringContaining("holds an unfinished run that differs"),
      null,
    ]);
    for (const { started, lastSeen, sessions } of history) {
      expect(started).toBeLessThanOrEqual(lastSeen);
      expect(sessions.map((session) => session.started)).toEqual(sessions.map((session) => session.started).sort());
    }
  });

  test("has their counts: those of the manifest", () => {
    const { runs } = readManifest(archive);
    expect(history.slice(0, 2).map(({ counts }) => counts)).toEqual(runs.map(({ counts }) => counts));
    expect(history[2].counts.lines).toBe(0);
  });

  test("has the machines: of EC2 with type, purchase and region, and others", () => {
    const machines = history[0].sessions.map(({ machine }) => machine);
    const instance = { type: "c7i.2xlarge", purchase: "spot" as const, region: "eu-central-1" };
    expect(machines.map((machine) => machine?.instance)).toEqual([instance, null, null, instance]);
    for (const machine of machines) {
      expect(machine?.host).toBe(hostname());
      expect(machine?.cpus).toBeGreaterThan(0);
      expect(machine?.memory).toBeGreaterThan(2 ** 20);
      expect(machine?.disk).toBeGreaterThan(2 ** 20);
    }
    expect(history[0].sessions[0].version).toBe(readManifest(archive).runs[0].toolVersion);
  });

  test("has the throughput of each phase: it adds up to what was converted", () => {
    const [first, , , last] = history[0].sessions;
    const samples = throughputOf(last);
    const amount = (phase: string, rate: "bytes" | "events") =>
      samples
        .filter((sample) => sample.phase === phase)
        .reduce((sum, sample) => sum + (sample[rate] ?? 0) * ((sample.to - sample.from) / 1000), 0);
    const reading = last.points.findLast(({ phase }) => phase === "Reading");
    expect(reading?.done).toBe(dump.expected.bytes);
    expect(reading?.reused).toBeGreaterThan(0);
    expect(amount("Reading", "bytes")).toBeCloseTo(dump.expected.bytes - (reading?.reused ?? 0), 3);
    expect(amount("Writing", "events")).toBeCloseTo(history[0].counts.events, 3);
    expect(samples.filter(({ phase }) => phase === "Writing").every(({ bytes }) => bytes === null)).toBe(true);
    expect(throughputOf(first).some(({ bytes }) => bytes !== null && bytes > 0)).toBe(true);
    expect([...phaseTimes([last]).keys()]).toEqual(["Reading", "Writing", "Indexing"]);
  });

  test("has the hours of machines and what they cost, where that is known", () => {
    const prices = readPrices(null);
    const [spot, elsewhere] = history[0].sessions;
    const hour = instanceHour(prices, "c7i.2xlarge", "spot") ?? Number.NaN;
    const cost = costOf([spot], prices);
    expect(cost.instances).toBeCloseTo(machineHours([spot]) * (hour + prices.publicIpv4Hour), 12);
    expect(cost.total).toBeCloseTo((cost.instances ?? 0) + (cost.volumes ?? 0), 12);
    expect(cost.volumes).toBeGreaterThan(0);
    expect(costOf([spot, elsewhere], prices)).toEqual({ instances: null, volumes: null, total: null });
    const unpriced = spot.machine && {
      ...spot,
      machine: { ...spot.machine, instance: { type: "zz9.large", purchase: "spot" as const, region: "x" } },
    };
    expect(costOf(unpriced === null ? [] : [unpriced], prices)).toEqual({ ...cost, instances: null, total: null });
  });

  test("is read from a log of any length, cut anywhere, and with lines of others in it", () => {
    const idsOf = ({ sessions }: RunHistory) => sessions.map(({ id }) => id);
    for (let length = 0; length < log.length; length += 97) {
      const begun = readHistory(log.slice(0, length)).flatMap(idsOf);
      expect(begun).toEqual(history.flatMap(idsOf).slice(0, begun.length));
    }
    const lines = log.split("\n");
    const mixed = lines.flatMap((line) => [
      line,
      "{}",
      "null",
      '{"time":"x","session":1}',
      line.slice(0, 40),
      "\u0000",
    ]);
    expect(readHistory(mixed.join("\n"))).toEqual(history);
    expect(readHistory("")).toEqual([]);
  });
});

test("a process that is refused while another is at work does not end that one's run", async () => {
  const out = folder.join("busy");
  const busy = startCli(["convert", "-", "-o", out], new ReadableStream({}));
  while (!existsSync(join(out, ".proton-beam/plan.json"))) await Bun.sleep(5);
  expect((await runCli(["convert", dump.path, "-o", out])).exitCode).toBe(1);
  const read = () => readHistory(readFileSync(join(out, "proton-beam.log"), "utf8"));
  const [run] = read();
  expect(run.sessions.map(({ ended }) => ended)).toEqual([null, "failed"]);
  expect(run.current).toBe(run.sessions[0]);
  busy.kill("SIGTERM");
  expect(await busy.exited).toBe(75);
  expect(read()[0].sessions.map(({ ended }) => ended)).toEqual(["interrupted", "failed"]);
  expect(read()[0].current.ended).toBe("interrupted");
}, 40_000);

test("a metadata service that hangs does not hold up a run for long, and leaves the instance unknown", async () => {
  const silent = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Promise<Response>(() => {}) });
  const out = folder.join("silent");
  try {
    await convertOk([later.path, "-o", out], undefined, {
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${silent.port}`,
    });
  } finally {
    silent.stop(true);
  }
  const [{ current }] = readHistory(readFileSync(join(out, "proton-beam.log"), "utf8"));
  expect([current.ended, current.machine?.instance]).toEqual(["complete", null]);
}, 40_000);
