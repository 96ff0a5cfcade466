import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startAwsEmulator } from "../../scripts/services/aws-emulator.ts";
import type { Service } from "../../scripts/services/process.ts";
import { temporaryFolder } from "../run/cli.ts";
import { checkov, isSuppressed, SUPPRESSED } from "./checkov.ts";
import { resourcesOf, type Stack, synth } from "./synth.ts";
import { terraform, terraformEnv, terraformOk } from "./terraform.ts";

const ROOT = join(import.meta.dir, "../..");
const MINUTES = 60_000;
const EXAMPLES = ["example-full", "example-nightly", "example-simple"];
/** The example that cdktf itself deploys and destroys; the others are plain runs of Terraform. */
const BY_CDKTF = "example-simple";
/** Where the emulator has no images of Ubuntu: the parameter of an image that it has. */
const IMAGES = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default";

const folder = temporaryFolder();
const env = terraformEnv(folder.join("settings"));
let emulator: Service;
let stacks: Record<string, Stack>;
beforeAll(async () => {
  emulator = await startAwsEmulator();
  stacks = synth(folder.join("out"), { awsEndpoint: emulator.url });
}, 1 * MINUTES);
afterAll(async () => {
  await emulator.stop();
  folder[Symbol.dispose]();
});

/** Asks the emulated AWS, not Terraform. */
async function aws(service: string, region: string, action: Record<string, string>): Promise<string> {
  const json = service === "logs" || service === "cloudtrail";
  const answer = await fetch(emulator.url, {
    method: service === "s3" ? "GET" : "POST",
    headers: {
      Authorization: `AWS4-HMAC-SHA256 Credential=emulator/20240101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
      "Content-Type": json ? "application/x-amz-json-1.1" : "application/x-www-form-urlencoded",
      ...(json ? { "X-Amz-Target": action.Target } : {}),
    },
    body: service === "s3" ? undefined : json ? "{}" : new URLSearchParams(action),
  });
  expect([service, action, answer.status]).toEqual([service, action, 200]);
  return answer.text();
}

const EC2 = { Version: "2016-11-15" };
const RUNNING = { "Filter.1.Name": "instance-state-name", "Filter.1.Value.1": "running" };
/** What lists the things that stacks make. */
const LISTS: [service: string, action: Record<string, string>][] = [
  ["s3", {}],
  ["iam", { Action: "ListRoles", Version: "2010-05-08" }],
  ["iam", { Action: "ListInstanceProfiles", Version: "2010-05-08" }],
  ["ec2", { ...EC2, Action: "DescribeVpcs" }],
  ["ec2", { ...EC2, Action: "DescribeSubnets" }],
  ["ec2", { ...EC2, Action: "DescribeSecurityGroups" }],
  ["ec2", { ...EC2, Action: "DescribeInternetGateways" }],
  ["ec2", { ...EC2, Action: "DescribeRouteTables" }],
  ["ec2", { ...EC2, Action: "DescribeLaunchTemplates" }],
  ["ec2", { ...EC2, Action: "DescribeInstances", ...RUNNING }],
  ["autoscaling", { Action: "DescribeAutoScalingGroups", Version: "2011-01-01" }],
  ["sns", { Action: "ListTopics", Version: "2010-03-31" }],
  ["monitoring", { Action: "DescribeAlarms", Version: "2010-08-01" }],
  ["monitoring", { Action: "ListDashboards", Version: "2010-08-01" }],
  ["logs", { Target: "Logs_20140328.DescribeLogGroups" }],
  ["cloudtrail", { Target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.DescribeTrails" }],
];
const REGIONS = ["us-east-1", "us-west-2", "eu-central-1"];

/** The lists that name something of ours, in any region. */
async function ours(): Promise<string[]> {
  const found = new Set<string>();
  for (const region of REGIONS)
    for (const [service, action] of LISTS)
      if ((await aws(service, region, action)).includes("proton-beam"))
        found.add(`${service} ${action.Action ?? action.Target ?? "ListBuckets"}`);
  return [...found];
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
  "every example is applied, changes nothing when planned again, and leaves nothing when destroyed",
  async () => {
    expect(Object.keys(stacks).sort()).toEqual(EXAMPLES);
    expect(await ours()).toEqual([]);
    const found = new Set<string>();
    await Promise.all(
      EXAMPLES.map(async (name) => {
        const stack = stacks[name];
        const run = (...args: string[]) => terraformOk(stack.folder, [...args, "-no-color"], env);
        await run("init");
        await run("plan", ...variables(stack), "-out=first.plan");
        writeFileSync(
          join(stack.folder, "plan.json"),
          await terraformOk(stack.folder, ["show", "-json", "first.plan"], env),
        );
        const { passed, findings } = checkov(join(stack.folder, "plan.json"));
        expect(passed).toBeGreaterThan(50);
        expect(findings.filter((finding) => !isSuppressed(finding))).toEqual([]);
        for (const { check } of findings) found.add(check);

        const applied =
          name === BY_CDKTF ? await cdktf("deploy", name, variables(stack)) : await run("apply", "first.plan");
        const resources = Object.values(stack.resource).reduce((sum, list) => sum + Object.keys(list).length, 0);
        // Without an address for alarms there is no subscription.
        const subscriptions = resourcesOf(stack, "aws_sns_topic_subscription").length;
        const expected = resources - (stack.variable.alarm_email.default === "" ? subscriptions : 0);
        expect(applied).toContain(`${expected} added, 0 changed, 0 destroyed`);
        expect(applied).toContain(`archive_url = "s3://proton-beam-${name}-123456789012/`);
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

    expect(await ours()).toHaveLength(LISTS.length);
    await expectUserData();
    await Promise.all(
      EXAMPLES.map((name) =>
        name === BY_CDKTF
          ? cdktf("destroy", name, variables(stacks[name]))
          : terraformOk(
              stacks[name].folder,
              ["destroy", "-auto-approve", "-no-color", ...variables(stacks[name])],
              env,
            ),
      ),
    );
    expect(await ours()).toEqual([]);
  },
  15 * MINUTES,
);

/** What instances are really given. */
async function expectUserData(): Promise<void> {
  const answer = await aws("ec2", "us-west-2", {
    ...EC2,
    Action: "DescribeLaunchTemplateVersions",
    LaunchTemplateName: "proton-beam-example-full-on-demand",
    "LaunchTemplateVersion.1": "$Latest",
  });
  const userData = Buffer.from(/<userData>([^<]+)</.exec(answer)?.[1] ?? "", "base64").toString();
  expect(userData).toStartWith("#!/bin/bash");
  expect(userData).toContain("s3://proton-beam-example-full-123456789012/archives/nostr");
  expect(userData).not.toMatch(/@(ACCOUNT|RUN)@/);
}
