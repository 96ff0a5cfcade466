import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { METRICS_NAMESPACE } from "../../cli/dataset/names.ts";
import type { DatasetConfig } from "../../cli/dataset/schema.ts";
import { METRIC_UNITS } from "../../cli/report/metrics.ts";
import { agentConfig } from "../../user-data/agent-config.ts";
import { USER_DATA_LIMIT } from "../../user-data/render.ts";
import { temporaryFolder } from "../run/cli.ts";
import { resourcesOf, runApp, type Stack, synth } from "./synth.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const datasets = folder.join("datasets");
cpSync(join(import.meta.dir, "../../stacks/datasets"), datasets, { recursive: true });
const add = (name: string, config: DatasetConfig) =>
  writeFileSync(join(datasets, `${name}.json`), JSON.stringify(config));

const KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b";
add("existing", {
  source: { urls: ["s3://their-dumps/nostr/", "s3://their-dumps/one.jsonl.zst"], size: "10GB", kmsKeyArns: [KEY] },
  output: { bucket: "our-archive", prefix: "nostr/", kmsKeyArn: KEY },
  network: { vpcId: "vpc-0a1b", subnetIds: ["subnet-1a", "subnet-2b"] },
});
const stacks = synth(folder.join("out"), { datasets });
const all = Object.entries(stacks);
const { existing } = stacks;
const simple = stacks["example-simple"];
const full = stacks["example-full"];
const nightly = stacks["example-nightly"];

const statementSchema = z.object({
  Sid: z.string(),
  Effect: z.string(),
  Action: z.union([z.string(), z.array(z.string())]).transform((action) => [action].flat()),
  Resource: z
    .union([z.string(), z.array(z.string())])
    .transform((resource) => [resource].flat())
    .default([]),
  Condition: z.unknown().optional(),
});
const policySchema = z.object({ Statement: z.array(statementSchema) });

/** The statements of the role of the instances. */
function roleStatements(stack: Stack) {
  return resourcesOf(stack, "aws_iam_role_policy").flatMap(
    ({ policy }) => policySchema.parse(JSON.parse(String(policy))).Statement,
  );
}

const alarmSchema = z.object({
  alarm_name: z.string(),
  alarm_actions: z.array(z.string()),
  evaluation_periods: z.number(),
  threshold: z.number(),
  treat_missing_data: z.string(),
  metric_query: z.array(
    z.object({
      id: z.string(),
      expression: z.string().optional(),
      return_data: z.boolean(),
      metric: z
        .object({
          namespace: z.string(),
          metric_name: z.string(),
          period: z.number(),
          dimensions: z.record(z.string(), z.string()),
        })
        .optional(),
    }),
  ),
});

function alarmsOf(stack: Stack) {
  return resourcesOf(stack, "aws_cloudwatch_metric_alarm").map((alarm) => {
    const { alarm_name, alarm_actions, metric_query, ...rest } = alarmSchema.parse(alarm);
    return {
      ...rest,
      name: alarm_name.replace(/^proton-beam-(example-)?[a-z]+-/, ""),
      actions: alarm_actions,
      queries: metric_query,
      metrics: metric_query.flatMap(({ metric }) => metric ?? []),
    };
  });
}

function alarmNames(stack: Stack): string[] {
  return alarmsOf(stack).map(({ name }) => name);
}

function alarmOf(stack: Stack, name: string) {
  const alarm = alarmsOf(stack).find((one) => one.name === name);
  if (alarm === undefined) throw new Error(`no alarm ${name} among ${alarmNames(stack)}`);
  return alarm;
}

test("there is a stack for each dataset", () => {
  expect(Object.keys(stacks).sort()).toEqual(
    readdirSync(datasets)
      .map((name) => name.replace(".json", ""))
      .sort(),
  );
});

describe.each(all)("%s", (name, stack) => {
  test("lets nobody in, but SSH from the ranges that were named", () => {
    const rules = resourcesOf(stack, "aws_vpc_security_group_ingress_rule");
    const ranges = rules.map(({ cidr_ipv4, cidr_ipv6, from_port, to_port }) => [
      cidr_ipv4 ?? cidr_ipv6,
      from_port,
      to_port,
    ]);
    expect(ranges).toEqual(
      name === "example-full"
        ? [
            ["203.0.113.0/24", 22, 22],
            ["2001:db8::/32", 22, 22],
          ]
        : [],
    );
    for (const group of resourcesOf(stack, "aws_security_group")) expect(group).not.toHaveProperty("ingress");
  });

  test("lets out only to the ports that are needed", () => {
    const ports = resourcesOf(stack, "aws_vpc_security_group_egress_rule").map(
      ({ from_port, to_port, ip_protocol }) => {
        expect([to_port, ip_protocol]).toEqual([from_port, "tcp"]);
        return from_port;
      },
    );
    expect(ports.sort((a, b) => Number(a) - Number(b))).toEqual(name === "example-full" ? [80, 443, 8080] : [80, 443]);
  });

  test("gives the instance no rights on others' data", () => {
    for (const { Action, Resource, Condition, Sid } of roleStatements(stack)) {
      for (const action of Action) expect(action).not.toContain("*");
      if (Action.some((action) => /^(s3|kms|logs|autoscaling):/.test(action))) {
        const ofObjects = Action.some((action) => /Object|MultipartUpload$/.test(action));
        for (const resource of Resource)
          expect(resource).toMatch(
            ofObjects ? /^arn:[^:]+:s3:::[^*]+\// : /^arn:[^:]+:(s3|kms|logs|autoscaling):[^*]*.+[^*]/,
          );
        // With a condition that an action does not know it is never allowed.
        if (Condition !== undefined) expect(Action).toEqual(["s3:ListBucket"]);
      } else if (Resource.includes("*"))
        expect([Sid, Sid === "Metrics" ? Condition : null]).toEqual(
          Sid === "Metrics"
            ? ["Metrics", { StringEquals: { "cloudwatch:namespace": "ProtonBeam" } }]
            : ["SessionManager", null],
        );
    }
  });

  test("keeps every bucket private, encrypted, versioned and TLS only", () => {
    const buckets = resourcesOf(stack, "aws_s3_bucket").length;
    expect(buckets).toBe(name === "existing" ? 1 : 2);
    const parts = ["public_access_block", "server_side_encryption_configuration", "ownership_controls"];
    for (const type of [...parts, "versioning", "lifecycle_configuration", "policy"])
      expect(resourcesOf(stack, `aws_s3_bucket_${type}`)).toHaveLength(buckets);
    for (const block of resourcesOf(stack, "aws_s3_bucket_public_access_block"))
      expect(block).toMatchObject({
        block_public_acls: true,
        block_public_policy: true,
        ignore_public_acls: true,
        restrict_public_buckets: true,
      });
    for (const encryption of resourcesOf(stack, "aws_s3_bucket_server_side_encryption_configuration"))
      expect(JSON.stringify(encryption)).toContain('"sse_algorithm":"AES256"');
    for (const versioning of resourcesOf(stack, "aws_s3_bucket_versioning"))
      expect(versioning).toMatchObject({ versioning_configuration: { status: "Enabled" } });
    for (const { policy } of resourcesOf(stack, "aws_s3_bucket_policy"))
      expect(policySchema.parse(JSON.parse(String(policy))).Statement).toContainEqual(
        expect.objectContaining({
          Effect: "Deny",
          Action: ["s3:*"],
          Condition: { Bool: { "aws:SecureTransport": "false" } },
        }),
      );
    for (const lifecycle of resourcesOf(stack, "aws_s3_bucket_lifecycle_configuration"))
      expect(JSON.stringify(lifecycle)).toContain('"abort_incomplete_multipart_upload":[{"days_after_initiation":7}]');
  });

  test("starts instances by IMDSv2 on encrypted disks, which end when they shut down", () => {
    const templates = resourcesOf(stack, "aws_launch_template");
    expect(templates.length).toBeGreaterThan(0);
    for (const template of templates) {
      expect(template).toMatchObject({
        instance_initiated_shutdown_behavior: "terminate",
        metadata_options: { http_tokens: "required", http_put_response_hop_limit: 1 },
      });
      const disks = z
        .array(z.object({ ebs: z.object({ encrypted: z.string(), volume_type: z.string() }) }))
        .parse(template.block_device_mappings);
      expect(disks.map(({ ebs }) => ebs.encrypted)).toEqual(["true", "true"]);
    }
  });

  test("has at most one machine at a time in a group, and leaves the wish for it to the machines", () => {
    const groups = resourcesOf(stack, "aws_autoscaling_group");
    for (const group of groups)
      expect(group).toMatchObject({ min_size: 0, max_size: 1, lifecycle: { ignore_changes: ["desired_capacity"] } });
    const wishes = groups.map(({ desired_capacity }) => desired_capacity);
    expect(new Set(wishes)).toEqual(new Set([`\${var.start ? 1 : 0}`, 0].slice(0, groups.length)));
  });

  test("is self-contained: its files are in its folder, and no path of this machine is in it", () => {
    const files = [...stack.text.matchAll(/assets\/[^"\\ ]+/g)]
      .map(([path]) => path)
      .filter((path) => path.includes(".", 8));
    const local = files.filter((path) => !path.startsWith("assets/proton-beam-"));
    expect(new Set(local.map((path) => path.split(".").pop()))).toEqual(new Set(["sh", "gz"]));
    for (const path of local) expect(readFileSync(join(stack.folder, path)).length).toBeGreaterThan(0);
    expect(stack.text).not.toContain(join(import.meta.dir, "../.."));
    expect(stack.text).not.toContain(folder.path);
  });

  test("has user data that fits and holds no credentials", () => {
    const assets = join(stack.folder, "assets");
    const scripts = readdirSync(assets, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".sh"));
    expect(scripts).toHaveLength(resourcesOf(stack, "aws_launch_template").length);
    for (const path of scripts) {
      const text = readFileSync(join(assets, path), "utf8");
      expect(Buffer.byteLength(text)).toBeLessThan(USER_DATA_LIMIT);
      expect(text).not.toMatch(/AKIA|ASIA[A-Z0-9]{12}|BEGIN [A-Z ]*PRIVATE KEY/);
    }
  });
});

test.each([
  ["simple", simple],
  ["full", full],
])("the alarms of the %s example look at metrics that there are, no longer than AWS lets them", (_, stack) => {
  const names = ["completed", "disk", "failed", "overdue", "run-time", "stalled"];
  expect(alarmNames(stack).sort()).toEqual(
    stack === simple ? [...names.slice(0, 3), "no-spot", ...names.slice(3)] : names,
  );
  const agent = agentConfig({
    dataset: "x",
    region: "x",
    metricsNamespace: METRICS_NAMESPACE,
    logGroup: "x",
    volume: "mount",
  });
  const collected = Object.entries(agent.metrics.metrics_collected).flatMap(([plugin, { measurement }]) =>
    measurement.map((name) => `${plugin}_${name}`),
  );
  const ofDataset = new Set([...collected, ...Object.keys(METRIC_UNITS), "RunFailed", "RunSucceeded"]);
  const groups = resourcesOf(stack, "aws_autoscaling_group").map(({ name }) => name);
  for (const { name, actions, evaluation_periods, treat_missing_data, queries, metrics } of alarmsOf(stack)) {
    expect(queries.filter(({ return_data }) => return_data)).toHaveLength(1);
    expect(treat_missing_data).toBe("notBreaching");
    // An alarm looks back seven days at most; a day, with periods below an hour.
    const [period] = metrics.map((metric) => metric.period);
    expect(evaluation_periods * period).toBeLessThanOrEqual((period >= 3600 ? 7 : 1) * 86_400);
    if (name !== "no-spot") expect(actions.at(-1)).toContain("aws_sns_topic");
    for (const { namespace, metric_name, dimensions } of metrics) {
      if (namespace === "AWS/AutoScaling") {
        expect(["GroupDesiredCapacity", "GroupInServiceInstances"]).toContain(metric_name);
        const group = dimensions.AutoScalingGroupName;
        if (!group.startsWith("$")) expect(groups).toContain(group);
      } else {
        expect([namespace, Object.keys(dimensions)]).toEqual([METRICS_NAMESPACE, ["Dataset"]]);
        expect([...ofDataset]).toContain(metric_name);
      }
    }
  }
  const overdue = alarmOf(stack, "overdue");
  expect(overdue.evaluation_periods).toBe(stack === simple ? 73 : 37);
  expect(overdue.actions.filter((action) => action.includes("aws_autoscaling_policy"))).toHaveLength(groups.length);
  // The dashboard shows nothing that nobody sends.
  const body = String(resourcesOf(stack, "aws_cloudwatch_dashboard")[0].dashboard_body);
  const shown = [...body.matchAll(/\["ProtonBeam","(\w+)","Dataset"/g)].map(([, name]) => name);
  expect(shown.length).toBeGreaterThan(8);
  for (const name of shown) expect([...ofDataset]).toContain(name);
});

test("log delivery is let in for its service, its source and its prefix", () => {
  const policies = resourcesOf(full, "aws_s3_bucket_policy").map(({ policy }) => String(policy));
  const statements = policies.flatMap((policy) => policySchema.parse(JSON.parse(policy)).Statement);
  const allowed = statements.filter(({ Effect }) => Effect === "Allow");
  expect(allowed.map(({ Sid }) => Sid).sort()).toEqual([
    "AWSLogDeliveryAclCheck",
    "AWSLogDeliveryWrite",
    "ServerAccessLogs",
    "TrailAclCheck",
    "TrailWrite",
  ]);
  for (const { Condition } of allowed) expect(JSON.stringify(Condition)).toContain("aws:SourceArn");
  expect(resourcesOf(simple, "aws_s3_bucket_logging")).toHaveLength(1);
  expect(JSON.stringify(resourcesOf(existing, "aws_s3_bucket_policy"))).not.toContain("ServerAccessLogs");
});

test("what a dataset says reaches the resources", () => {
  const [template] = resourcesOf(full, "aws_launch_template");
  expect(template.key_name).toBe("operator");
  expect(JSON.stringify(template.block_device_mappings)).toContain('"iops":6000');
  expect(JSON.stringify(template.block_device_mappings)).toContain('"throughput":500,"volume_size":2000');
  const lifecycles = JSON.stringify(resourcesOf(full, "aws_s3_bucket_lifecycle_configuration"));
  expect(lifecycles).toContain('"expiration":[{"days":14}],"filter":[{"prefix":"archives/nostr/.proton-beam/"}]');
  expect(lifecycles).toContain('"noncurrent_days":7');
  const forced = (stack: Stack) => resourcesOf(stack, "aws_s3_bucket").map(({ force_destroy }) => force_destroy);
  expect([forced(full), forced(simple)].map((list) => list.sort())).toEqual([
    [true, true],
    [false, true],
  ]);
  expect(resourcesOf(full, "aws_cloudwatch_log_group")).toMatchObject([{ retention_in_days: 365 }]);
  expect(full.variable.alarm_email.default).toBe("nostr-archive@example.org");
  expect(resourcesOf(full, "aws_iam_role")[0].permissions_boundary).toContain("var.permissions_boundary");
  expect(Object.keys(full.output).sort()).toEqual([
    "archive_url",
    "dashboard_url",
    "estimate",
    "log_command",
    "run_logs_url",
    "session_command",
    "start_command",
    "status_command",
    "stop_command",
  ]);
});

test("user data that EC2 would refuse is refused, with what to do", () => {
  const many = folder.join("many");
  mkdirSync(many);
  const urls = Array.from({ length: 300 }, (_, i) => `https://example.org/dumps/of/a/relay/${i}.jsonl`);
  writeFileSync(join(many, "many.json"), JSON.stringify({ source: { urls, size: "1GB" } }));
  const { exitCode, stderr } = runApp(folder.join("many-out"), { datasets: many });
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("shorten")]);
});

test("spot falls back to on-demand by an alarm that no person need read", () => {
  const { actions } = alarmOf(simple, "no-spot");
  expect(actions).toEqual([expect.stringMatching(/^\$\{aws_autoscaling_policy\.(.*)\.arn\}$/)]);
  const policy = simple.resource.aws_autoscaling_policy[actions[0].split(".")[1]];
  expect(policy).toMatchObject({ adjustment_type: "ExactCapacity", scaling_adjustment: 1 });
  expect(String(policy.autoscaling_group_name)).toContain("on_demand_group");
  expect(alarmNames(full)).not.toContain("no-spot");
  const spot = resourcesOf(simple, "aws_autoscaling_group").map(
    ({ mixed_instances_policy }) =>
      z
        .object({
          instances_distribution: z.object({ on_demand_percentage_above_base_capacity: z.number() }),
        })
        .parse(mixed_instances_policy).instances_distribution.on_demand_percentage_above_base_capacity,
  );
  expect(spot.sort()).toEqual([0, 100]);
});

test("rights end at the prefix, and at the very sources", () => {
  const bySid = Object.fromEntries(roleStatements(existing).map((statement) => [statement.Sid, statement]));
  const arn = (rest: string) => [`arn:\${data.aws_partition.partition.partition}:s3:::${rest}`];
  expect(bySid.ArchiveObjects.Resource).toEqual(arn("our-archive/nostr/*"));
  expect(bySid.ArchiveList.Condition).toEqual({ StringLike: { "s3:prefix": "nostr/*" } });
  expect(bySid.ArchiveKey.Resource).toEqual([KEY]);
  expect(bySid.SourceObjects0).toMatchObject({
    Action: ["s3:GetObject"],
    Resource: [...arn("their-dumps/nostr/*"), ...arn("their-dumps/one.jsonl.zst")],
  });
  expect(bySid.SourceList0).toMatchObject({
    Resource: arn("their-dumps"),
    Condition: { StringLike: { "s3:prefix": ["nostr/*"] } },
  });
  expect(bySid.SourceKeys).toMatchObject({ Action: ["kms:Decrypt"], Resource: [KEY] });
  // The owner of a bucket of another account is given the same, as a policy for that bucket.
  const policies = z.record(z.string(), z.string()).parse(existing.output.source_bucket_policies.value);
  const statements = policySchema.parse(JSON.parse(policies["their-dumps"])).Statement;
  expect(statements.map(({ Action }) => Action)).toEqual([["s3:GetObject"], ["s3:ListBucket"]]);
  expect(simple.output).not.toHaveProperty("source_bucket_policies");
});

test("an existing bucket and network are used as they are", () => {
  expect(Object.keys(existing.resource)).not.toContain("aws_vpc");
  expect(resourcesOf(existing, "aws_autoscaling_group")[0].vpc_zone_identifier).toEqual(["subnet-1a", "subnet-2b"]);
  expect(resourcesOf(existing, "aws_s3_bucket").map(({ bucket }) => bucket)).toEqual([
    `proton-beam-existing-logs-\${data.aws_caller_identity.account.account_id}`,
  ]);
  expect(existing.output.archive_url.value).toBe("s3://our-archive/nostr/");
});

test("audit, schedule, Graviton and tags are there when asked for", () => {
  expect(resourcesOf(full, "aws_cloudtrail")).toHaveLength(1);
  expect(resourcesOf(full, "aws_flow_log")).toHaveLength(1);
  expect(resourcesOf(simple, "aws_cloudtrail")).toEqual([]);
  expect(resourcesOf(nightly, "aws_autoscaling_schedule")).toMatchObject([
    { recurrence: "0 3 * * *", desired_capacity: 1 },
  ]);
  expect(nightly.variable.image_parameter.default).toContain("/arm64/");
  expect(simple.variable.image_parameter.default).toContain("/amd64/");
  expect(JSON.stringify(resourcesOf(full, "aws_launch_template"))).toContain('"CostCenter":"archive"');
});

test("what changes the archive changes the names of the groups, so that a new run starts; tags and alarms do not", () => {
  const config: DatasetConfig = { source: { urls: ["https://example.org/a.jsonl"], size: "1GB" } };
  const groupOf = (change: Partial<DatasetConfig>) => {
    writeFileSync(join(other, "x.json"), JSON.stringify({ ...config, ...change }));
    return resourcesOf(synth(folder.join("other-out"), { datasets: other }).x, "aws_autoscaling_group")[0].name;
  };
  const other = folder.join("other");
  cpSync(datasets, other, { recursive: true, filter: (path) => path === datasets });
  const before = groupOf({});
  expect(groupOf({ tags: { a: "b" }, alarms: { email: "a@example.org" }, audit: true })).toBe(before);
  for (const change of [
    { convert: { kinds: "1" } },
    { source: { ...config.source, urls: ["https://example.org/b.jsonl"] } },
    { output: { prefix: "x" } },
    { instance: { types: ["c7i.large"] } },
    { volume: { sizeGiB: 100 } },
    { maxRunHours: 48 },
  ])
    expect(groupOf(change)).not.toBe(before);
}, 60_000);
