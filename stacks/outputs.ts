import { logGroupName } from "../cli/dataset/names.ts";
import { keyPrefix, type Storage } from "./constructs/storage.ts";
import { type Deployment, LOG_PREFIXES } from "./deployment.ts";
import { TerraformOutput, type TerraformStack } from "./terraform.ts";

interface Places {
  storage: Storage;
  /** The first is the one that starts a run. */
  groups: string[];
  dashboard: string;
  estimate: string;
  /** By bucket. */
  sourcePolicies: Record<string, string>;
}

/** What a person wants to know after a deployment. Commands are for the AWS CLI. */
export function createOutputs(stack: TerraformStack, deployment: Deployment, places: Places): void {
  const { region } = deployment.dataset;
  const { storage, groups, dashboard, estimate, sourcePolicies } = places;
  const { output, logs } = storage;
  const instanceQuery = `aws ec2 describe-instances --region ${region} --filters Name=tag:Name,Values=${deployment.id} Name=instance-state-name,Values=running --query 'Reservations[0].Instances[0].InstanceId' --output text`;
  const values: Record<string, [value: string, description: string]> = {
    archive_url: [
      `s3://${output.bucket}/${keyPrefix(output.prefix)}`,
      "The archive; manifest.json is there when it is complete",
    ],
    status_command: [
      `aws s3 cp --region ${region} s3://${output.bucket}/${keyPrefix(output.prefix)}status.json -`,
      "How far the run is",
    ],
    log_command: [
      `aws logs tail --region ${region} --follow ${logGroupName(deployment.name)}`,
      "The log as it is written",
    ],
    run_logs_url: [`s3://${logs.bucket}/${LOG_PREFIXES.runs}/`, "Logs that instances left behind"],
    session_command: [
      `aws ssm start-session --region ${region} --target $(${instanceQuery})`,
      "A shell on the instance",
    ],
    start_command: [capacityCommand(region, groups[0], 1), "Starts another run"],
    stop_command: [
      groups.map((group) => capacityCommand(region, group, 0)).join(" && "),
      "Ends a run; what is converted is kept, and another run goes on from there",
    ],
    dashboard_url: [
      `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#dashboards:name=${dashboard}`,
      "Graphs",
    ],
    estimate: [estimate, "What a run is expected to take"],
  };
  for (const [name, [value, description]] of Object.entries(values))
    new TerraformOutput(stack, name, { value, description, staticId: true });
  if (Object.keys(sourcePolicies).length > 0)
    new TerraformOutput(stack, "source_bucket_policies", {
      value: sourcePolicies,
      description: "What the owners of source buckets in other accounts add to their bucket policies",
      staticId: true,
    });
}

function capacityCommand(region: string, group: string, capacity: number): string {
  return `aws autoscaling set-desired-capacity --region ${region} --auto-scaling-group-name ${group} --desired-capacity ${capacity}`;
}
