import { BOOTSTRAP_LOG, CONVERTER_LOG, METRICS_FILE, WORK } from "./paths.ts";

const INTERVAL_SECONDS = 60;

export interface AgentSettings {
  dataset: string;
  region: string;
  /** Namespace of the metrics; null: the agent's own. */
  metricsNamespace: string | null;
  logGroup: string;
  volume: "mount" | "directory";
}

/**
 * The configuration of the CloudWatch agent (CloudWatch User Guide, "Manually create or edit the CloudWatch agent
 * configuration file"). All metrics are also there with the dimension Dataset alone.
 */
export function agentConfig({ dataset, region, metricsNamespace, logGroup, volume }: AgentSettings) {
  const metrics = (...measurement: string[]) => ({ measurement, append_dimensions: { Dataset: dataset } });
  const log = (path: string, stream: string) => ({
    file_path: path,
    log_group_name: logGroup,
    log_stream_name: `{instance_id}/${stream}`,
  });
  return {
    agent: { region, metrics_collection_interval: INTERVAL_SECONDS, omit_hostname: true },
    metrics: {
      namespace: metricsNamespace ?? "CWAgent",
      aggregation_dimensions: [["Dataset"]],
      metrics_collected: {
        cpu: metrics("usage_active", "usage_iowait"),
        mem: metrics("used_percent"),
        disk: { ...metrics("used_percent"), resources: [volume === "mount" ? WORK : "/"], drop_device: true },
        diskio: { ...metrics("read_bytes", "write_bytes"), resources: ["*"] },
        net: { ...metrics("bytes_recv", "bytes_sent"), resources: ["*"] },
      },
    },
    logs: {
      logs_collected: {
        files: {
          collect_list: [
            log(CONVERTER_LOG, "proton-beam.log"),
            log(BOOTSTRAP_LOG, "bootstrap.log"),
            log(METRICS_FILE, "metrics"),
          ],
        },
      },
    },
  };
}
