/** Places on a machine; instance.sh and proton-beam.service name the same. */
export const HOME = "/opt/proton-beam";
export const WORK = "/var/lib/proton-beam";
export const BOOTSTRAP_LOG = "/var/log/proton-beam-bootstrap.log";
export const CONVERTER_LOG = `${WORK}/work/proton-beam.log`;
export const METRICS_FILE = `${WORK}/work-metrics.log`;
