/** Where the metrics of all datasets are in CloudWatch, those of their machines included. */
export const METRICS_NAMESPACE = "ProtonBeam";

/** The log group of a dataset's runs. */
export function logGroupName(dataset: string): string {
  return `/proton-beam/${dataset}`;
}
