import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { architectureOf } from "../../cli/dataset/instance-type.ts";
import { type DatasetConfig, datasetSchema } from "../../cli/dataset/schema.ts";
import { describeSizing, sizeOf } from "../../cli/dataset/sizing.ts";
import { datasetJsonSchema } from "../../scripts/dataset-schema.ts";
import { readDatasets, readSettings } from "../../stacks/config.ts";
import { temporaryFolder } from "../run/cli.ts";
import { runApp } from "./synth.ts";

const minimal: DatasetConfig = { source: { urls: ["https://example.org/dump.jsonl"], size: "500GB" } };

/** The fields that are found wrong. */
function wrongFields(config: unknown): string[] {
  const parsed = datasetSchema.safeParse(config);
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join("."));
}

test("a dataset needs no more than a source and its size", () => {
  expect(datasetSchema.parse(minimal)).toMatchObject({
    region: "us-east-1",
    purchase: "spot",
    network: { kind: "own", cidr: "10.42.0.0/16" },
    convert: { validateSignatures: true },
    audit: false,
  });
});

test.each<[field: string, change: Record<string, unknown>]>([
  ["source.urls", { source: { urls: [], size: "1GB" } }],
  ["source.urls.1", { source: { urls: ["https://a.example/x", "ftp://a.example/x"], size: "1GB" } }],
  ["source.urls.0", { source: { urls: ["https://user:secret@a.example/x"], size: "1GB" } }],
  ["source.size", { source: { urls: ["s3://bucket/key"], size: "much" } }],
  ["source.kmsKeyArns.0", { source: { ...minimal.source, kmsKeyArns: ["alias/x"] } }],
  ["output.bucket", { output: { bucket: "Not_A_Bucket" } }],
  ["output.prefix", { output: { prefix: "/x" } }],
  ["region", { region: "moon" }],
  ["convert.kinds", { convert: { kinds: "one" } }],
  ["convert.since", { convert: { since: "yesterday" } }],
  ["convert", { convert: { valdateSignatures: true } }],
  ["instance.types.0", { instance: { types: ["big"] } }],
  ["instance.types", { instance: { types: ["c7i.large", "c7g.large"] } }],
  ["volume.throughput", { volume: { throughput: 800 } }],
  ["volume.iops", { volume: { sizeGiB: 8, iops: 16_000 } }],
  ["source.urls.0", { source: { urls: ["s3://bucket/*"], size: "1GB" } }],
  ["tags.aws:x", { tags: { "aws:x": "y" } }],
  ["tags.x", { tags: { x: "$y" } }],
  ["network.cidr", { network: { cidr: "10.0.0.1/16" } }],
  ["retention.unfinishedDays", { retention: { unfinishedDays: 3 } }],
  ["maxRunHours", { maxRunHours: 200 }],
  ["schedule", { schedule: "99 a b c d" }],
  ["alarms.email", { alarms: { email: "me" } }],
  ["network.cidr", { network: { cidr: "10.0.0.0/28" } }],
  ["network", { network: { vpcId: "vpc-12" } }],
  ["network", { network: { vpcId: "vpc-12", subnetIds: ["subnet-1"], cidr: "10.0.0.0/16" } }],
  ["ssh.cidrs", { ssh: { cidrs: [], keyName: "me" } }],
  ["retention.logDays", { retention: { logDays: 2 } }],
  ["maxRunHours", { maxRunHours: 1 }],
  ["permissionsBoundary", { permissionsBoundary: "boundary" }],
  ["", { colour: "red" }],
])("a wrong %s is named", (field, change) => {
  expect(wrongFields({ ...minimal, ...change })).toContain(field);
});

test("without a size, auto can choose neither instance nor volume", () => {
  const source = { urls: ["s3://bucket/key"] };
  expect(wrongFields({ source })).toEqual(["source.size", "source.size"]);
  expect(wrongFields({ source, instance: { types: ["c7i.large"] }, volume: { sizeGiB: 100 } })).toEqual([]);
});

test("the architecture is read off the type", () => {
  const arm = [
    "c7g.large",
    "m7gd.4xlarge",
    "c6gn.16xlarge",
    "a1.medium",
    "is4gen.large",
    "g5g.xlarge",
    "r8g.metal-24xl",
  ];
  const x86 = ["c7i.large", "c7i-flex.large", "m6id.4xlarge", "g5.xlarge", "g4dn.metal", "t3.nano"];
  expect(arm.map(architectureOf)).toEqual(arm.map(() => "arm64"));
  expect(x86.map(architectureOf)).toEqual(x86.map(() => "x86_64"));
  for (const text of ["", "c7i", "large", "c7i.huge", "c7i.large "]) expect(architectureOf(text)).toBeNull();
});

test("auto chooses by size and deadline", () => {
  const sized = (size: string, change: Partial<DatasetConfig> = {}) =>
    sizeOf(datasetSchema.parse({ source: { ...minimal.source, size }, ...change }));
  const small = sized("10GB");
  expect(small.instanceTypes[0]).toBe("c7i.large");
  expect(small.volumeGiB).toBe(50);
  // Half the time needs twice the machine.
  const [slow, fast] = [24, 12].map((deadlineHours) => sized("2TB", { deadlineHours }));
  expect([slow.instanceTypes[0], fast.instanceTypes[0]]).toEqual(["c7i.xlarge", "c7i.2xlarge"]);
  expect(slow.volumeGiB).toBeGreaterThan(2e12 / 1024 ** 3);
  expect(slow.expected?.hours).toBeLessThan(24);
  // Twice the machine for half the time costs the same, but for the volume, which is cheaper for the shorter time.
  expect(fast.expected?.cost ?? 0).toBeLessThan(slow.expected?.cost ?? 0);
  const onDemand = sized("2TB", { purchase: "on-demand" });
  expect(onDemand.expected?.cost ?? 0).toBeGreaterThan(slow.expected?.cost ?? 0);
  expect(sized("2TB", { instance: { architecture: "arm64" } }).instanceTypes.map(architectureOf)).not.toContain(
    "x86_64",
  );
  expect(() => sized("900TB")).toThrow(/deadlineHours 24: set it to \d+ or more/);
  const dataset = datasetSchema.parse({
    source: { urls: ["s3://bucket/key"] },
    instance: { types: ["z9z.large"] },
    volume: { sizeGiB: 8 },
  });
  expect(describeSizing(sizeOf(dataset), dataset)).toContain("not known");
});

test("the JSON Schema for editors is that of the code", () => {
  const stored = JSON.parse(readFileSync(join(import.meta.dir, "../../stacks/dataset.schema.json"), "utf8"));
  expect(stored).toEqual(JSON.parse(JSON.stringify(datasetJsonSchema())));
});

test("all examples are valid, and say where their schema is", () => {
  const folder = join(import.meta.dir, "../../stacks/datasets");
  expect(readDatasets(folder).size).toBe(readdirSync(folder).length);
  for (const name of readdirSync(folder))
    expect(JSON.parse(readFileSync(join(folder, name), "utf8")).$schema).toBe("../dataset.schema.json");
});

test("the app names the file and the field, and leaves with 2", () => {
  using folder = temporaryFolder();
  const datasets = folder.join("datasets");
  expect(runApp(folder.join("out"), { datasets }).stderr).toContain("bun run new-dataset");
  mkdirSync(datasets);
  writeFileSync(join(datasets, "mine.json"), JSON.stringify({ ...minimal, region: 1 }));
  const wrong = runApp(folder.join("out"), { datasets });
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringMatching(/mine\.json .*\n {2}region: /)]);
  writeFileSync(join(datasets, "mine.json"), "{");
  expect(runApp(folder.join("out"), { datasets }).stderr).toContain("mine.json cannot be read");
  writeFileSync(join(datasets, "mine.json"), JSON.stringify(minimal));
  writeFileSync(join(datasets, "My_Dump.json"), JSON.stringify(minimal));
  expect(runApp(folder.join("out"), { datasets }).stderr).toContain("My_Dump.json: the name of a dataset");
});

test("settings of cdktf.json are checked", () => {
  expect(readSettings({})).toEqual({ backend: { type: "local" }, datasets: "stacks/datasets" });
  expect(() => readSettings({ backend: { type: "s3", bucket: "b" } })).toThrow("region");
  expect(() => readSettings({ backend: { type: "cloud" } })).toThrow("organization");
});
