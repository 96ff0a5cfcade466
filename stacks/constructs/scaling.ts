import type { Deployment } from "../deployment.ts";
import { type AutoscalingGroup, AutoscalingPolicy, Construct } from "../terraform.ts";
import { createNoSpotAlarm, createOverdueAlarm } from "./alarms.ts";

const COOLDOWN_SECONDS = 300;

/**
 * Starts an on-demand instance when no spot capacity comes: an alarm on one group, whose action scales the other. The
 * instance that starts so takes the spot group's wish back, that no second one joins it.
 */
export function createFallback(
  parent: Construct,
  deployment: Deployment,
  spot: AutoscalingGroup,
  onDemand: AutoscalingGroup,
): void {
  const scope = new Construct(parent, "fallback");
  const start = createPolicy(scope, "start_on_demand", onDemand, 1);
  createNoSpotAlarm(scope, deployment, spot.name, [start]);
}

/**
 * Ends runs from outside when their instances cannot: those that reach no API, start again and again, and would for ever.
 * @param topicArn who is told
 */
export function createLimit(
  parent: Construct,
  deployment: Deployment,
  groups: AutoscalingGroup[],
  topicArn: string,
): void {
  const scope = new Construct(parent, "limit");
  const stops = groups.map((group, i) => createPolicy(scope, `stop_${i}`, group, 0));
  const names = groups.map((group) => group.name);
  createOverdueAlarm(scope, deployment, names, [...stops, topicArn]);
}

/** @returns the ARN of a policy that gives the group this capacity */
function createPolicy(scope: Construct, label: string, group: AutoscalingGroup, capacity: number): string {
  return new AutoscalingPolicy(scope, label, {
    name: `${group.name}-to-${capacity}`,
    autoscalingGroupName: group.name,
    policyType: "SimpleScaling",
    adjustmentType: "ExactCapacity",
    scalingAdjustment: capacity,
    cooldown: COOLDOWN_SECONDS,
  }).arn;
}
