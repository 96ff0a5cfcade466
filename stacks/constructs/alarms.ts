import type { Deployment } from "../deployment.ts";
import { CloudwatchMetricAlarm, type Construct } from "../terraform.ts";
import { datasetMetric, groupMetric, type Metric } from "./metrics.ts";

const MINUTES = 60;
const HOURS = 3600;
const STALLED_AFTER_MINUTES = 60;
const NO_SPOT_MINUTES = 15;
const DISK_PERCENT = 90;

interface Alarm {
  /** The last part of its name. */
  name: string;
  description: string;
  /** Metrics by the names that the expression calls them by; without an expression the only one. */
  metrics: Record<string, Metric>;
  expression?: string;
  /** In alarm when the value reaches this. */
  threshold: number;
  periodSeconds: number;
  periods: number;
}

/** What people are told of by e-mail. */
export function createAlarms(
  scope: Construct,
  deployment: Deployment,
  groups: string[],
  topicArn: string,
  expectedCost: string,
): void {
  const { metrics: inService, expression: running } = instancesInService(groups);
  const { alarms, deadlineHours } = deployment.dataset;
  const runHours = alarms.runHours ?? Math.ceil(deadlineHours);
  const list: Alarm[] = [
    {
      name: "failed",
      description: "The run failed. Its logs are in the log bucket below runs/; the instance is gone.",
      metrics: { m: datasetMetric(deployment, "RunFailed", "Sum") },
      threshold: 1,
      periodSeconds: 5 * MINUTES,
      periods: 1,
    },
    {
      name: "completed",
      description: "The archive is complete; the instance is gone.",
      metrics: { m: datasetMetric(deployment, "RunSucceeded", "Sum") },
      threshold: 1,
      periodSeconds: 5 * MINUTES,
      periods: 1,
    },
    {
      name: "stalled",
      description: `An instance runs, but nothing was done for ${STALLED_AFTER_MINUTES} minutes. Look at the log group.`,
      metrics: { work: datasetMetric(deployment, "Work", "Sum"), ...inService },
      expression: `IF((${running}) > 0 AND FILL(work, 0) == 0, 1, 0)`,
      threshold: 1,
      periodSeconds: 5 * MINUTES,
      periods: STALLED_AFTER_MINUTES / 5,
    },
    {
      name: "disk",
      description: `The work volume is over ${DISK_PERCENT}% full. The run goes on while S3 takes what is done; raise volume.sizeGiB if it stops.`,
      metrics: { m: datasetMetric(deployment, "disk_used_percent", "Maximum") },
      threshold: DISK_PERCENT,
      periodSeconds: 5 * MINUTES,
      periods: 2,
    },
    {
      name: "run-time",
      description: `An instance has been running for ${runHours} hours on end. Expected: ${expectedCost}.`,
      metrics: inService,
      expression: running,
      threshold: 1,
      periodSeconds: HOURS,
      periods: runHours,
    },
  ];
  for (const alarm of list) createAlarm(scope, deployment, alarm, [topicArn]);
}

/** In alarm when instances have been running for longer than a run may. @param actions what is done then */
export function createOverdueAlarm(
  scope: Construct,
  deployment: Deployment,
  groups: string[],
  actions: string[],
): void {
  const { maxRunHours } = deployment.dataset;
  createAlarm(
    scope,
    deployment,
    {
      name: "overdue",
      description: `Instances have been running for more than maxRunHours (${maxRunHours}), and have not ended by themselves: they are ended now.`,
      ...instancesInService(groups),
      threshold: 1,
      periodSeconds: HOURS,
      periods: Math.ceil(maxRunHours) + 1,
    },
    actions,
  );
}

/** The number of instances of all groups. */
function instancesInService(groups: string[]) {
  const metrics = Object.fromEntries(
    groups.map((group, i) => [`i${i}`, groupMetric(group, "GroupInServiceInstances")]),
  );
  return { metrics, expression: Object.keys(metrics).join(" + ") };
}

/** In alarm when spot capacity was asked for and none came. @param actions what is done then: scaling policies */
export function createNoSpotAlarm(scope: Construct, deployment: Deployment, group: string, actions: string[]): void {
  createAlarm(
    scope,
    deployment,
    {
      name: "no-spot",
      description: `No spot instance for ${NO_SPOT_MINUTES} minutes: an on-demand instance takes over.`,
      metrics: {
        desired: groupMetric(group, "GroupDesiredCapacity"),
        running: groupMetric(group, "GroupInServiceInstances"),
      },
      // Not filled: group metrics come late, and a filled last minute would never be in alarm.
      expression: "desired - running",
      threshold: 1,
      periodSeconds: MINUTES,
      periods: NO_SPOT_MINUTES,
    },
    actions,
  );
}

function createAlarm(scope: Construct, { id }: Deployment, alarm: Alarm, alarmActions: string[]): void {
  const { name, description, metrics, expression, threshold, periodSeconds, periods } = alarm;
  const query = Object.entries(metrics).map(([key, metric]) => ({
    id: key,
    returnData: expression === undefined,
    metric: {
      namespace: metric.namespace,
      metricName: metric.name,
      dimensions: metric.dimensions,
      stat: metric.stat,
      period: periodSeconds,
    },
  }));
  new CloudwatchMetricAlarm(scope, `${name.replaceAll("-", "_")}_alarm`, {
    alarmName: `${id}-${name}`,
    alarmDescription: description,
    comparisonOperator: "GreaterThanOrEqualToThreshold",
    threshold,
    evaluationPeriods: periods,
    datapointsToAlarm: periods,
    treatMissingData: "notBreaching",
    metricQuery:
      expression === undefined ? query : [{ id: "result", expression, label: name, returnData: true }, ...query],
    alarmActions,
  });
}
