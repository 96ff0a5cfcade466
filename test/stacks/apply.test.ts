import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DatasetConfig } from "../../cli/dataset/schema.ts";
import { startAwsEmulator } from "../../scripts/services/aws-emulator.ts";
import type { Service } from "../../scripts/services/process.ts";
import { temporaryFolder } from "../run/cli.ts";
import { type Aws, EC2, LISTS, openAws } from "./aws.ts";
import { checkov, isSuppressed, SUPPRESSED } from "./checkov.ts";
import { resourcesOf, type Stack, synth } from "./synth.ts";
import { terraform, terraformEnv, terraformOk } from "./terraform.ts";

const ROOT = join(import.meta.dir, "../..");
const MINUTES = 60_000;
const NAMES = ["example-full", "example-nightly", "example-simple", "existing"];
/** The example that cdktf itself deploys and destroys; the others are plain runs of Terraform. */
const BY_CDKTF = "example-simple";
/** Where the emulator has no images of Ubuntu: the parameter of an image that it has. */
const IMAGES = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default";

const folder = temporaryFolder();
const env = terraformEnv(folder.join("settings"));
let emulator: Service;
let aws: Aws;
let stacks: Record<string, Stack>;
beforeAll(async () => {
  emulator = await startAwsEmulator();
  aws = openAws(emulator.url);
  const datasets = folder.join("datasets");
  cpSync(join(ROOT, "stacks/datasets"), datasets, { recursive: true });
  writeFileSync(join(datasets, "existing.json"), JSON.stringify(await existingPlaces()));
  stacks = synth(folder.join("out"), { awsEndpoint: emulator.url, datasets });
}, 1 * MINUTES);
afterAll(async () => {
  await emulator.stop();
  folder[Symbol.dispose]();
});

/** A dataset for the network that every account has, and a bucket that is there. */
async function existingPlaces(): Promise<DatasetConfig> {
  const subnets = await aws.call("ec2", "us-east-1", { ...EC2, Action: "DescribeSubnets" });
  const found = (pattern: RegExp) => [...subnets.matchAll(pattern)].map(([, id]) => id);
  const created = await fetch(`${emulator.url}/our-archive`, { method: "PUT" });
  expect(created.status).toBe(200);
  return {
    source: { urls: ["s3://their-dumps/nostr/"], size: "10GB" },
    output: { bucket: "our-archive", prefix: "nostr" },
    network: {
      vpcId: found(/<vpcId>([^<]+)</g)[0],
      subnetIds: found(/<subnetId>([^<]+)</g).slice(0, 2),
    },
  };
}

function variables(stack: Stack): string[] {
  const architecture = String(stack.variable.image_parameter.default).includes("arm64") ? "arm64" : "x86_64";
  return [`-var=image_parameter=${IMAGES}-${architecture}`];
}

/** Runs cdktf on what is synthesized already. Without a way to the registry it cannot lock providers. */
async function cdktf(command: "deploy" | "destroy", name: string, variables: string[]): Promise<string> {
  const child = Bun.spawn(
    [
      join(ROOT, "node_modules/.bin/cdktf"),
      ...[command, name, "--auto-approve", "--skip-synth", "--skip-provider-lock", "--output", folder.join("out")],
      ...variables.map((variable) => variable.replace("-var=", "--var=")),
    ],
    { cwd: ROOT, env: { ...process.env, ...env }, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`cdktf ${command} failed:\n${stdout.slice(-4000)}\n${stderr}`);
  return stdout;
}

test(
  "every example, and one in an existing network, is applied, changes nothing when planned again, and leaves nothing when destroyed",
  async () => {
    expect(Object.keys(stacks).sort()).toEqual(NAMES);
    expect(await aws.ours()).toEqual([]);
    const found = new Set<string>();
    await Promise.all(
      NAMES.map(async (name) => {
        const stack = stacks[name];
        const run = (...args: string[]) => terraformOk(stack.folder, [...args, "-no-color"], env);
        await run("init");
        await run("plan", ...variables(stack), "-out=first.plan");
        writeFileSync(
          join(stack.folder, "plan.json"),
          await terraformOk(stack.folder, ["show", "-json", "first.plan"], env),
        );
        const { passed, findings } = checkov(join(stack.folder, "plan.json"));
        expect(passed).toBeGreaterThan(40);
        expect(findings.filter((finding) => !isSuppressed(finding))).toEqual([]);
        for (const { check } of findings) found.add(check);

        const applied =
          name === BY_CDKTF ? await cdktf("deploy", name, variables(stack)) : await run("apply", "first.plan");
        const resources = Object.values(stack.resource).reduce((sum, list) => sum + Object.keys(list).length, 0);
        // Without an address for alarms there is no subscription.
        const subscriptions = resourcesOf(stack, "aws_sns_topic_subscription").length;
        const expected = resources - (stack.variable.alarm_email.default === "" ? subscriptions : 0);
        expect(applied).toContain(`${expected} added, 0 changed, 0 destroyed`);
        expect(applied).toContain(
          `archive_url = "s3://${name === "existing" ? "our-archive/nostr/" : `proton-beam-${name}-123456789012/`}`,
        );
        const again = await terraform(
          stack.folder,
          ["plan", "-detailed-exitcode", "-no-color", ...variables(stack)],
          env,
        );
        expect([again.exitCode, again.stdout.slice(-3000)]).toEqual([0, expect.stringContaining("No changes")]);
      }),
    );
    // A suppression that suppresses nothing is a mistake waiting to happen.
    expect(SUPPRESSED.map(({ check }) => check).filter((check) => !found.has(check))).toEqual([]);

    expect(await aws.ours()).toHaveLength(LISTS.length);
    await expectUserData();
    await Promise.all(
      NAMES.map((name) =>
        name === BY_CDKTF
          ? cdktf("destroy", name, variables(stacks[name]))
          : terraformOk(
              stacks[name].folder,
              ["destroy", "-auto-approve", "-no-color", ...variables(stacks[name])],
              env,
            ),
      ),
    );
    expect(await aws.ours()).toEqual([]);
  },
  15 * MINUTES,
);

/** What instances are really given. */
async function expectUserData(): Promise<void> {
  const answer = await aws.call("ec2", "us-west-2", {
    ...EC2,
    Action: "DescribeLaunchTemplateVersions",
    LaunchTemplateName: "proton-beam-example-full-on-demand",
    "LaunchTemplateVersion.1": "$Latest",
  });
  const userData = Buffer.from(/<userData>([^<]+)</.exec(answer)?.[1] ?? "", "base64").toString();
  expect(userData).toStartWith("#!/bin/bash");
  expect(userData).toContain("s3://proton-beam-example-full-123456789012/archives/nostr");
  expect(userData).not.toMatch(/@(ACCOUNT|RUN)_ID@/);
}
