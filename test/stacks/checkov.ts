import { z } from "zod";

const reportSchema = z.object({
  summary: z.object({ passed: z.number(), parsing_errors: z.number() }),
  results: z.object({
    failed_checks: z.array(z.object({ check_id: z.string(), check_name: z.string(), resource: z.string() })),
  }),
});

interface Suppressed {
  check: string;
  /** The beginning of the address of the resource. */
  resource: string;
  reason: string;
}

/** What checkov finds and we have decided to leave so. */
export const SUPPRESSED: Suppressed[] = [
  {
    check: "CKV_AWS_290",
    resource: "aws_iam_role_policy.access_instance_policy",
    reason: "PutMetricData (bound to our namespace by a condition) and Session Manager's actions know no resources",
  },
  { check: "CKV_AWS_355", resource: "aws_iam_role_policy.access_instance_policy", reason: "the same" },
  {
    check: "CKV_AWS_88",
    resource: "aws_launch_template.compute_",
    reason: "the way to the Internet, without a NAT gateway at ten times the price; the security group lets nothing in",
  },
  {
    check: "CKV_AWS_145",
    resource: "aws_s3_bucket.storage_",
    reason:
      "S3's own keys encrypt unless the dataset names a KMS key, which costs money and more rights; log delivery takes no KMS",
  },
  {
    check: "CKV_AWS_144",
    resource: "aws_s3_bucket.storage_",
    reason: "an archive can be made again from its sources; a copy in another region is for who wants to pay for it",
  },
  {
    check: "CKV2_AWS_62",
    resource: "aws_s3_bucket.storage_",
    reason: "nothing waits for events; alarms tell of the end",
  },
  {
    check: "CKV_AWS_18",
    resource: "aws_s3_bucket.storage_logs",
    reason: "the bucket that access logs go to would log its own log deliveries for ever",
  },
  {
    check: "CKV_AWS_158",
    resource: "aws_cloudwatch_log_group.observability_log_group",
    reason: "CloudWatch Logs encrypts by itself, and the log of public events holds no secrets",
  },
  {
    check: "CKV_AWS_338",
    resource: "aws_cloudwatch_log_group.observability_log_group",
    reason: "retention.logDays is the user's to choose",
  },
  {
    check: "CKV_AWS_26",
    resource: "aws_sns_topic.observability_alarms_topic",
    reason: "alarms cannot publish to a topic that is encrypted with the key of AWS, and say nothing that is secret",
  },
  {
    check: "CKV2_AWS_11",
    resource: "aws_vpc.network_vpc",
    reason: "flow logs come with audit, which is the user's choice",
  },
  {
    check: "CKV_AWS_67",
    resource: "aws_cloudtrail.audit_trail",
    reason: "the trail is for the archive, which is in one region; a trail of the account is the account's matter",
  },
  { check: "CKV_AWS_252", resource: "aws_cloudtrail.audit_trail", reason: "nobody waits for each log file" },
  { check: "CKV2_AWS_10", resource: "aws_cloudtrail.audit_trail", reason: "kept in S3 at a fiftieth of the price" },
  {
    check: "CKV_AWS_35",
    resource: "aws_cloudtrail.audit_trail",
    reason: "encrypted with S3's own keys as the bucket is",
  },
];

export interface Finding {
  check: string;
  resource: string;
  name: string;
}

/** Runs checkov on a plan in JSON. @throws {Error} when it is not installed, or did not understand the plan */
export function checkov(planPath: string): { passed: number; findings: Finding[] } {
  if (Bun.which("checkov") === null) throw new Error("checkov is not installed: pip install checkov");
  const { stdout, stderr } = Bun.spawnSync([
    "checkov",
    ...[
      "--file",
      planPath,
      "--framework",
      "terraform_plan",
      "--output",
      "json",
      "--compact",
      "--quiet",
      "--skip-download",
    ],
  ]);
  const parsed = reportSchema.safeParse(JSON.parse(stdout.toString() || "null"));
  if (!parsed.success || parsed.data.summary.parsing_errors > 0)
    throw new Error(`checkov gave no report of ${planPath}: ${stdout} ${stderr}`);
  const { summary, results } = parsed.data;
  const findings = results.failed_checks.map(({ check_id, check_name, resource }) => ({
    check: check_id,
    resource,
    name: check_name,
  }));
  return { passed: summary.passed, findings };
}

export function isSuppressed({ check, resource }: Finding): boolean {
  return SUPPRESSED.some((known) => known.check === check && resource.startsWith(known.resource));
}
