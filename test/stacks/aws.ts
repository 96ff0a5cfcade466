import { expect } from "bun:test";

export const EC2 = { Version: "2016-11-15" };
const RUNNING = { "Filter.1.Name": "instance-state-name", "Filter.1.Value.1": "running" };

/** What lists the things that stacks make. */
export const LISTS: [service: string, action: Record<string, string>][] = [
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
/** Those of the examples. */
const REGIONS = ["us-east-1", "us-west-2", "eu-central-1"];

/** The emulated AWS, asked without Terraform. */
export interface Aws {
  call(service: string, region: string, action: Record<string, string>): Promise<string>;
  /** The lists that name something of ours, in any region. */
  ours(): Promise<string[]>;
}

export function openAws(url: string): Aws {
  const call: Aws["call"] = async (service, region, action) => {
    const json = service === "logs" || service === "cloudtrail";
    const answer = await fetch(url, {
      method: service === "s3" ? "GET" : "POST",
      headers: {
        // The emulator finds service and region in it, and checks nothing.
        Authorization: `AWS4-HMAC-SHA256 Credential=emulator/20240101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
        "Content-Type": json ? "application/x-amz-json-1.1" : "application/x-www-form-urlencoded",
        ...(json ? { "X-Amz-Target": action.Target } : {}),
      },
      body: service === "s3" ? undefined : json ? "{}" : new URLSearchParams(action),
    });
    expect([service, action, answer.status]).toEqual([service, action, 200]);
    return answer.text();
  };
  const ours = async () => {
    const found = new Set<string>();
    for (const region of REGIONS)
      for (const [service, action] of LISTS)
        if ((await call(service, region, action)).includes("proton-beam"))
          found.add(`${service} ${action.Action ?? action.Target ?? "ListBuckets"}`);
    return [...found];
  };
  return { call, ours };
}
