import { logGroupName } from "../../cli/dataset/names.ts";
import type { Deployment } from "../deployment.ts";
import {
  CloudwatchLogGroup,
  Construct,
  SnsTopic,
  SnsTopicPolicy,
  SnsTopicSubscription,
  type TerraformResource,
  type TerraformVariable,
} from "../terraform.ts";
import { createAlarms } from "./alarms.ts";
import { createDashboard } from "./dashboard.ts";
import { policyJson } from "./policies.ts";
import type { Storage } from "./storage.ts";

/** Log group, dashboard, alarms, and the topic that tells of them. */
export function createObservability(
  parent: Construct,
  deployment: Deployment,
  storage: Storage,
  groups: string[],
  expectedCost: string,
  email: TerraformVariable,
): { dashboard: string; logGroup: TerraformResource; topicArn: string } {
  const scope = new Construct(parent, "observability");
  const { dataset, id, account } = deployment;
  const logGroup = new CloudwatchLogGroup(scope, "log_group", {
    name: logGroupName(deployment.name),
    retentionInDays: dataset.retention.logDays,
  });
  const topic = new SnsTopic(scope, "alarms_topic", { name: `${id}-alarms` });
  new SnsTopicPolicy(scope, "alarms_topic_policy", {
    arn: topic.arn,
    policy: policyJson([
      {
        Sid: "Alarms",
        Effect: "Allow",
        Principal: { Service: "cloudwatch.amazonaws.com" },
        Action: "sns:Publish",
        Resource: topic.arn,
        Condition: { StringEquals: { "aws:SourceAccount": account } },
      },
    ]),
  });
  const subscription = new SnsTopicSubscription(scope, "alarms_email", {
    topicArn: topic.arn,
    protocol: "email",
    endpoint: email.stringValue,
  });
  subscription.addOverride("count", `\${${email.fqn} == "" ? 0 : 1}`);
  createAlarms(scope, deployment, groups, topic.arn, expectedCost);
  const dashboard = createDashboard(scope, deployment, groups, storage.isOwn ? storage.output.bucket : null);
  return { dashboard: dashboard.dashboardName, logGroup, topicArn: topic.arn };
}
