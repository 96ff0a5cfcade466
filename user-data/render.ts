import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT, ProtonBeamError } from "../cli/errors.ts";
import { agentConfig } from "./agent-config.ts";
import type { BunRelease } from "./bun.ts";
import { HOME } from "./paths.ts";

/** Bytes of user data that EC2 takes before base64 (EC2 User Guide, "Run commands when you launch an EC2 instance"). */
export const USER_DATA_LIMIT = 16 * 1024;

/** What a machine is told. */
export interface InstanceSettings {
  /** Letters, digits, dot, hyphen, underscore. */
  dataset: string;
  /** The dataset file that the converter reads. */
  datasetJson: string;
  region: string;
  /** `s3://bucket/prefix` of the archive; null: what the dataset says, or the machine's own disk. */
  output: string | null;
  /** `s3://bucket/prefix` for the machines' logs and the start time of the run; null keeps both on the machine. */
  logs: string | null;
  /** The bundled converter (scripts/bundle.ts): `s3://…`, `https://…` or an absolute path; its SHA-256, hexadecimal. */
  bundle: { url: string; sha256: string };
  bun: BunRelease;
  /** Groups that get a desired capacity of 0 when the run ends. */
  autoScalingGroups: string[];
  /** A group that gets a desired capacity of 0 when this machine starts, since this machine does its work. */
  standby: string | null;
  /** Namespace of the metrics in CloudWatch; null: none are sent. */
  metricsNamespace: string | null;
  /** Ends a run that hangs, counted over all its machines. */
  maxRunSeconds: number;
  /** `mount`: the largest blank disk becomes the work volume; `directory`: a folder of the system's disk, no disk is touched. */
  volume: "mount" | "directory";
  /** Power the machine off when the run has ended. */
  terminate: boolean;
  /** The CloudWatch agent's .deb, signed by the key with this fingerprint (40 hexadecimal digits); null: no agent. */
  agent: { url: string; signatureUrl: string; keyUrl: string; keyFingerprint: string; logGroup: string } | null;
  /** Addresses other than those of AWS in `region`. */
  endpoints: { metadata?: string; s3?: string; autoscaling?: string; monitoring?: string };
}

/**
 * The script that an EC2 instance, or any Ubuntu machine, starts with.
 * @throws {ProtonBeamError} usage: when the script is too long for EC2
 * @throws {Error} when the name of the dataset cannot be one of a file
 */
export function renderUserData(settings: InstanceSettings): string {
  const { dataset, terminate } = settings;
  if (!/^[A-Za-z0-9._-]+$/.test(dataset))
    throw new Error(`the dataset's name ${JSON.stringify(dataset)} may have letters, digits, dot, hyphen, underscore`);
  const text = [
    "#!/bin/bash",
    `# Proton Beam: converts the dataset ${dataset} on this machine. Made by user-data/render.ts.`,
    "set -euo pipefail",
    "umask 022",
    // Until bootstrap.sh takes over: a machine that cannot even write its files must not stay.
    ...(terminate ? ["trap 'systemctl poweroff' EXIT"] : []),
    `mkdir -p ${HOME}/datasets`,
    // Renamed into place: a script that is being run keeps its old text.
    'put() { cat >"$1.new" && chmod "$2" "$1.new" && mv "$1.new" "$1"; }',
    ...files(settings).flatMap(({ name, mode, content }) => heredoc(`${HOME}/${name}`, mode, content)),
    source("bootstrap.sh"),
    "",
  ].join("\n");
  const bytes = Buffer.byteLength(text);
  if (bytes > USER_DATA_LIMIT)
    throw new ProtonBeamError(
      `the user data of ${dataset} has ${bytes} bytes, and EC2 takes ${USER_DATA_LIMIT}: shorten the dataset file, such as its list of sources`,
      EXIT.usage,
    );
  return text;
}

function files(settings: InstanceSettings) {
  const { dataset, datasetJson, agent } = settings;
  return [
    { name: "settings.sh", mode: 644, content: variables(settings) },
    { name: "instance.sh", mode: 755, content: source("instance.sh") },
    { name: `datasets/${dataset}.json`, mode: 644, content: datasetJson.trimEnd() },
    ...(agent === null
      ? []
      : [{ name: "agent.json", mode: 644, content: JSON.stringify(agentConfig({ ...settings, ...agent })) }]),
  ];
}

/** The settings as shell variables. */
function variables({ bun, bundle, agent, endpoints, ...settings }: InstanceSettings): string {
  const values: Record<string, string | number | boolean | null | undefined> = {
    DATASET: settings.dataset,
    REGION: settings.region,
    OUTPUT: settings.output,
    LOGS: settings.logs,
    BUNDLE_URL: bundle.url,
    BUNDLE_SHA256: bundle.sha256,
    BUN_VERSION: bun.version,
    BUN_URL: bun.url,
    BUN_SHA512_X64: bun.sha512.x64,
    BUN_SHA512_AARCH64: bun.sha512.aarch64,
    STANDBY: settings.standby,
    NAMESPACE: settings.metricsNamespace,
    MAX_RUN_SECONDS: settings.maxRunSeconds,
    VOLUME: settings.volume,
    TERMINATE: settings.terminate,
    AGENT_URL: agent?.url,
    AGENT_SIGNATURE_URL: agent?.signatureUrl,
    AGENT_KEY_URL: agent?.keyUrl,
    AGENT_KEY: agent?.keyFingerprint,
    METADATA_ENDPOINT: endpoints.metadata,
    S3_ENDPOINT: endpoints.s3,
    AUTOSCALING_ENDPOINT: endpoints.autoscaling,
    MONITORING_ENDPOINT: endpoints.monitoring,
  };
  return [
    ...Object.entries(values).map(([name, value]) => `readonly ${name}=${quote(String(value ?? ""))}`),
    `readonly SCALING_GROUPS=(${settings.autoScalingGroups.map(quote).join(" ")})`,
  ].join("\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const END = "END_OF_FILE";

function heredoc(path: string, mode: number, content: string): string[] {
  if (content.split("\n").includes(END)) throw new Error(`${path} must have no line ${END}`);
  return [`put ${path} ${mode} <<'${END}'`, content, END];
}

/** A file beside this one, without the lines that only explain it. */
function source(name: string): string {
  return readFileSync(join(import.meta.dir, name), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s*#(?!!| shellcheck)/.test(line))
    .join("\n");
}
