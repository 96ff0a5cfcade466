import { logGroupName } from "../../cli/dataset/names.ts";
import type { Deployment } from "../deployment.ts";
import { CloudwatchDashboard, type Construct } from "../terraform.ts";
import { bucketMetric, datasetMetric, groupMetric, type Metric } from "./metrics.ts";

const WIDTH = 12;
const HEIGHT = 6;
const PERIOD_SECONDS = 60;

/** The dashboard of a dataset: what the converter does, how the instance bears it, and what it writes to its log. */
export function createDashboard(
  scope: Construct,
  deployment: Deployment,
  groups: string[],
  bucket: string | null,
): CloudwatchDashboard {
  const of = (name: string, stat: Metric["stat"]) => datasetMetric(deployment, name, stat);
  const graphs: [string, Metric[]][] = [
    ["Events a second", [of("EventsPerSecond", "Average")]],
    ["Bytes a second", [of("BytesPerSecond", "Average")]],
    ["Events and rejected lines", [of("Events", "Sum"), of("Rejected", "Sum")]],
    ["Repeated transfers", [of("Retries", "Sum")]],
    ["CPU and memory, %", [of("cpu_usage_active", "Average"), of("mem_used_percent", "Average")]],
    ["Fullest disk, %", [of("disk_used_percent", "Maximum")]],
    ["Disk, bytes", [of("diskio_read_bytes", "Sum"), of("diskio_write_bytes", "Sum")]],
    ["Network, bytes", [of("net_bytes_recv", "Sum"), of("net_bytes_sent", "Sum")]],
    ["Instances in service", groups.map((group) => groupMetric(group, "GroupInServiceInstances"))],
    ...(bucket === null
      ? []
      : [
          [
            "S3 requests",
            [
              bucketMetric(bucket, "PutRequests", "Sum"),
              bucketMetric(bucket, "GetRequests", "Sum"),
              bucketMetric(bucket, "4xxErrors", "Sum"),
              bucketMetric(bucket, "5xxErrors", "Sum"),
            ],
          ] satisfies [string, Metric[]],
        ]),
  ];
  const { region } = deployment.dataset;
  const widgets = [
    ...graphs.map(([title, metrics]) => ({
      type: "metric",
      properties: { title, region, period: PERIOD_SECONDS, view: "timeSeries", metrics: metrics.map(describe) },
    })),
    {
      type: "log",
      properties: {
        title: "Log",
        region,
        view: "table",
        query:
          `SOURCE '${logGroupName(deployment.name)}' | fields @timestamp, level, msg ` +
          "| filter ispresent(level) | sort @timestamp desc | limit 50",
      },
    },
  ];
  return new CloudwatchDashboard(scope, "dashboard", {
    dashboardName: deployment.id,
    dashboardBody: JSON.stringify({
      widgets: widgets.map((widget, i) => ({
        ...widget,
        x: (i % 2) * WIDTH,
        y: Math.floor(i / 2) * HEIGHT,
        width: WIDTH,
        height: HEIGHT,
      })),
    }),
  });
}

/** The form that dashboards have metrics in (CloudWatch API Reference, "Dashboard body structure and syntax"). */
function describe({ namespace, name, dimensions, stat }: Metric) {
  return [namespace, name, ...Object.entries(dimensions).flat(), { stat }];
}
