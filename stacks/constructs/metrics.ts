import { METRICS_NAMESPACE } from "../../cli/dataset/names.ts";
import type { Deployment } from "../deployment.ts";

/** A metric of CloudWatch with what is taken of each period. */
export interface Metric {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
  stat: "Sum" | "Average" | "Maximum";
}

/** A metric of the converter or of the instance, by the dataset. */
export function datasetMetric({ name: dataset }: Deployment, name: string, stat: Metric["stat"]): Metric {
  return { namespace: METRICS_NAMESPACE, name, dimensions: { Dataset: dataset }, stat };
}

/** A metric of an Auto Scaling group. */
export function groupMetric(group: string, name: "GroupDesiredCapacity" | "GroupInServiceInstances"): Metric {
  return { namespace: "AWS/AutoScaling", name, dimensions: { AutoScalingGroupName: group }, stat: "Maximum" };
}

/** A request metric of a bucket (Amazon S3 User Guide, "CloudWatch request metrics configurations"). */
export function bucketMetric(bucket: string, name: string, stat: Metric["stat"]): Metric {
  return { namespace: "AWS/S3", name, dimensions: { BucketName: bucket, FilterId: "all" }, stat };
}
