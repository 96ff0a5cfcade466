import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { vcpusOf } from "../../cli/dataset/instance-type.ts";
import { instanceHour, readPrices } from "../../cli/dataset/prices.ts";
import { datasetSchema } from "../../cli/dataset/schema.ts";
import { expectedRun, SIZES, sizeOf } from "../../cli/dataset/sizing.ts";
import { temporaryFolder } from "../run/cli.ts";

const prices = readPrices(null);

test("the vCPUs are read off the size", () => {
  const sizes = { medium: 1, large: 2, xlarge: 4, "2xlarge": 8, "16xlarge": 64, "24xlarge": 96, "metal-24xl": 96 };
  for (const [size, vcpus] of Object.entries(sizes)) expect([size, vcpusOf(`c7g.${size}`)]).toEqual([size, vcpus]);
  for (const type of ["c7i.metal", "t3.nano", "c7i", "c7i.huge", ""])
    expect([type, vcpusOf(type)]).toEqual([type, null]);
});

test("the price of an hour is known for families of the file, and only for them", () => {
  expect(instanceHour(prices, "c7i.2xlarge", "on-demand")).toBeCloseTo(0.357, 6);
  expect(instanceHour(prices, "c7i.2xlarge", "spot")).toBeCloseTo(0.357 * prices.spotFactor, 6);
  expect(instanceHour(prices, "c7g.metal-48xl", "on-demand")).toBeCloseTo(192 * prices.vcpuHour.c7g, 6);
  for (const type of ["z9z.large", "c7i.metal", "c7i-flex.large", "c7i.nano"])
    expect([type, instanceHour(prices, type, "spot")]).toEqual([type, null]);
});

test("a file of one's own replaces what it names", () => {
  using folder = temporaryFolder();
  const path = folder.join("prices.json");
  writeFileSync(path, JSON.stringify({ date: "2030-01-31", region: "eu-west-1", vcpuHour: { c7i: 1, z9z: 2 } }));
  const own = readPrices(path);
  expect(own).toEqual({
    ...prices,
    date: "2030-01-31",
    region: "eu-west-1",
    vcpuHour: { ...prices.vcpuHour, c7i: 1, z9z: 2 },
  });
  expect(instanceHour(own, "z9z.xlarge", "on-demand")).toBe(8);
});

test.each<[what: string, text: string, error: RegExp]>([
  ["no JSON", "{", /prices\.json cannot be read/],
  ["a wrong price", '{"vcpuHour":{"c7i":"much"}}', /prices\.json .*\n {2}vcpuHour\.c7i: /],
  ["an unknown field", '{"spotfactor":0.4}', /prices\.json .*\n {2}the file: .*spotfactor/],
  ["a currency that has no code", '{"currency":"Euro"}', /prices\.json .*\n {2}currency: must be three letters/],
  ["a factor over 1", '{"spotFactor":1.4}', /spotFactor/],
])("%s is named with the file", (_what, text, error) => {
  using folder = temporaryFolder();
  const path = folder.join("prices.json");
  writeFileSync(path, text);
  expect(() => readPrices(path)).toThrow(error);
});

test("a run is as long as the slowest of processors, volume and stream takes, and costs what its hours cost", () => {
  const volume = { sizeGiB: 100, iops: 3000, throughput: 250 };
  const work = { bytes: 1e12, validateSignatures: true, streamHours: 0 };
  const hours = (type: string, change = {}) =>
    expectedRun({ ...work, ...change }, type, "spot", volume, prices)?.hours ?? Number.NaN;
  const bySize = SIZES.map((size) => hours(`c7i.${size}`));
  // Twice the processors halve the time, until the volume gives no more.
  expect(bySize[0] / bySize[1]).toBeCloseTo(2, 1);
  expect(bySize[5]).toBeCloseTo(bySize[4], 6);
  expect(hours("c7i.large", { validateSignatures: false })).toBeLessThan(hours("c7i.large"));
  expect(hours("c7i.large", { streamHours: 100 })).toBeGreaterThan(100);
  expect(expectedRun(work, "z9z.large", "spot", volume, prices)).toBeNull();
  const dearer = expectedRun(work, "c7i.large", "spot", { sizeGiB: 5000, iops: 6000, throughput: 500 }, prices);
  expect(dearer?.cost ?? 0).toBeGreaterThan(expectedRun(work, "c7i.large", "spot", volume, prices)?.cost ?? 0);
});

test("auto says when only a faster volume could meet the deadline", () => {
  const dataset = (throughput: number) =>
    datasetSchema.parse({
      source: { urls: ["s3://bucket/key"], size: "12TB" },
      deadlineHours: 24,
      volume: { iops: 4000, throughput },
    });
  expect(() => sizeOf(dataset(200))).toThrow(/volume\.throughput/);
  expect(sizeOf(dataset(1000)).expected?.hours ?? 99).toBeLessThan(24);
});
