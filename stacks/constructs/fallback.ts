import type { Deployment } from "../deployment.ts";
import { type AutoscalingGroup, AutoscalingPolicy, Construct } from "../terraform.ts";
import { createNoSpotAlarm } from "./alarms.ts";

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
  const policy = new AutoscalingPolicy(scope, "start_on_demand", {
    name: `${deployment.id}-start`,
    autoscalingGroupName: onDemand.name,
    policyType: "SimpleScaling",
    adjustmentType: "ExactCapacity",
    scalingAdjustment: 1,
    cooldown: 300,
  });
  createNoSpotAlarm(scope, deployment, spot.name, [policy.arn]);
}
