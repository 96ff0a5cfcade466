import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../run/cli.ts";
import { synth } from "./synth.ts";
import { terraformEnv, terraformOk } from "./terraform.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const env = terraformEnv(folder.join("settings"));
const datasets = folder.join("datasets");
mkdirSync(datasets);
writeFileSync(
  join(datasets, "mine.json"),
  JSON.stringify({
    source: { urls: ["s3://their-dumps/nostr/"], size: "10GB" },
    output: { bucket: "our-archive", prefix: "nostr" },
    network: { vpcId: "vpc-0a1b", subnetIds: ["subnet-1a"] },
    ssh: { cidrs: ["203.0.113.7/32"], keyName: "me" },
    audit: true,
  }),
);

describe.each<[name: string, backend: Record<string, unknown>, block: Record<string, unknown>]>([
  ["local", { type: "local" }, { local: { path: "../../../terraform.mine.tfstate" } }],
  [
    "S3 with a lock file",
    { type: "s3", bucket: "states", region: "eu-central-1" },
    {
      s3: {
        bucket: "states",
        region: "eu-central-1",
        key: "proton-beam/mine.tfstate",
        encrypt: true,
        use_lockfile: true,
      },
    },
  ],
  [
    "S3 with a lock table",
    { type: "s3", bucket: "states", region: "eu-central-1", lock: "locks" },
    {
      s3: {
        bucket: "states",
        region: "eu-central-1",
        key: "proton-beam/mine.tfstate",
        encrypt: true,
        dynamodb_table: "locks",
      },
    },
  ],
  [
    "Terraform Cloud",
    { type: "cloud", organization: "our-org" },
    {
      cloud: {
        hostname: "app.terraform.io",
        organization: "our-org",
        workspaces: { name: "proton-beam-mine" },
      },
    },
  ],
])("with the state in %s", (name, backend, block) => {
  test("a plain terraform takes the synthesized directory, wherever it is", async () => {
    const { mine } = synth(folder.join(`out-${name}`), { datasets, backend });
    const { cloud, backend: stored } = mine.terraform;
    expect(cloud === undefined ? stored : { cloud }).toEqual(block);
    // A copy elsewhere: nothing but the directory itself is needed.
    const copy = folder.join(`copy-${name}`);
    cpSync(mine.folder, copy, { recursive: true });
    await terraformOk(copy, ["init", "-backend=false", "-no-color"], env);
    expect(await terraformOk(copy, ["validate", "-no-color"], env)).toContain("The configuration is valid");
  }, 60_000);
});
