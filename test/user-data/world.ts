import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { buildBundle } from "../../scripts/bundle.ts";
import { startAwsEmulator } from "../../scripts/services/aws-emulator.ts";
import { type Machine, type MachineFiles, startMachine } from "../../scripts/services/machine.ts";
import { machineRoot } from "../../scripts/services/machine-root.ts";
import { startMetadataService } from "../../scripts/services/metadata-service.ts";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { runTool, toolsFolder } from "../../scripts/services/tools.ts";
import { startWebServer } from "../../scripts/services/web-server.ts";
import { pinnedBun } from "../../user-data/bun.ts";
import { type InstanceSettings, renderUserData } from "../../user-data/render.ts";
import { convertOk, makeDump, temporaryFolder } from "../run/cli.ts";
import { openAws } from "../stacks/aws.ts";

const REGION = "us-east-1";
const CHUNK_BYTES = "300000";
export const INSTANCE_ID = "i-0123456789abcdef0";
/** Bytes of a machine's second disk; a sparse file. */
const VOLUME_BYTES = 512 * 1024 * 1024;

/** All that is around a machine in AWS: S3, instance metadata, Auto Scaling, CloudWatch, and a web server for downloads. */
export async function startWorld() {
  const folder = temporaryFolder();
  const s3 = await startS3Server(folder.join("s3"));
  const aws = await startAwsEmulator();
  const root = folder.join("web");
  const web = await startWebServer(root, folder.join("nginx"));
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = s3.env;
  const metadata = startMetadataService({ accessKeyId, secretAccessKey });
  metadata.documents.set("instance-id", INSTANCE_ID);
  for (const bucket of ["archives", "logs", "code"]) s3.createBucket(bucket);
  machineRoot();
  const tarball = bunTarball();
  writeFile(join(root, tarball.path), readFileSync(tarball.file));
  const bundle = await buildBundle(folder.join("bundle.tar.gz"));
  const put = async (bucket: string, key: string, content: string | Uint8Array) => {
    await new Bun.S3Client({ bucket, region: REGION, endpoint: s3.url, accessKeyId, secretAccessKey }).write(
      key,
      content,
    );
  };
  await put("code", "bundle.tar.gz", readFileSync(bundle.path));

  const dump = await makeDump(root, "dump.jsonl", { lines: 9000, days: 6 });
  const sources = { fast: `${web.url}/dump.jsonl`, slow: `${web.url}/slow/dump.jsonl` };
  const query = (service: string, parameters: Record<string, string>) =>
    openAws(aws.url).call(service, REGION, parameters);
  const autoscaling = (Action: string, parameters: Record<string, string>) =>
    query("autoscaling", { Action, Version: "2011-01-01", ...parameters });
  const desired = (name: string) =>
    Promise.all(
      groups(name).map(async (group) => {
        const answer = await autoscaling("DescribeAutoScalingGroups", { "AutoScalingGroupNames.member.1": group });
        return Number(/<DesiredCapacity>(\d+)</.exec(answer)?.[1]);
      }),
    );
  const metric = async (name: string, dataset: string) => {
    const answer = await query("monitoring", {
      Action: "GetMetricStatistics",
      Version: "2010-08-01",
      Namespace: "ProtonBeam",
      MetricName: name,
      "Dimensions.member.1.Name": "Dataset",
      "Dimensions.member.1.Value": dataset,
      StartTime: new Date(Date.now() - 3_600_000).toISOString(),
      EndTime: new Date(Date.now() + 60_000).toISOString(),
      Period: "86400",
      "Statistics.member.1": "Sum",
    });
    return Number(/<Sum>([\d.]+)</.exec(answer)?.[1] ?? 0);
  };
  const machines: Machine[] = [];

  return {
    folder,
    s3,
    web,
    metadata,
    bundle,
    dump,
    /** Bun's package, and where it is on the web server. */
    tarball,
    /** Addresses of the dump; the slow one takes seconds. */
    sources,
    /** The archive that an undisturbed conversion on this host makes of a source. */
    convertHere: async (url: string) => {
      const path = mkdtempSync(folder.join("here-"));
      await convertOk([url, "-o", path, "--validate-signatures", "--chunk-bytes", CHUNK_BYTES]);
      return path;
    },
    /** Writes an object. */
    put,
    archive: (name: string) => s3.path("archives", name),
    /** How many segments of an unfinished run are in S3. */
    segments: (name: string) => {
      const path = s3.path("archives", name, ".proton-beam/segments");
      return existsSync(path) ? readdirSync(path).filter((file) => file.endsWith(".seg")).length : 0;
    },
    secrets: [secretAccessKey],
    /** The settings of a machine for a dataset of this name, in a group of one with a fallback group. */
    settings: (name: string, urls: string[], more: Partial<InstanceSettings> = {}): InstanceSettings => ({
      dataset: name,
      datasetJson: JSON.stringify({
        source: { urls, size: "1GB" },
        convert: { validateSignatures: true, chunkBytes: CHUNK_BYTES },
      }),
      region: REGION,
      output: `s3://archives/${name}`,
      logs: `s3://logs/${name}`,
      bundle: { url: "s3://code/bundle.tar.gz", sha256: bundle.sha256 },
      bun: pinnedBun(`${web.url}/@oven`),
      autoScalingGroups: groups(name),
      standby: null,
      metricsNamespace: "ProtonBeam",
      maxRunSeconds: 3600,
      volume: "mount",
      terminate: true,
      agent: null,
      endpoints: { metadata: metadata.url, s3: s3.url, autoscaling: aws.url, monitoring: aws.url },
      ...more,
    }),
    /** Boots a new machine with an empty volume. */
    boot: async (settings: InstanceSettings, extra: { volumeBytes?: number; files?: MachineFiles } = {}) => {
      const own = mkdtempSync(folder.join("machine-"));
      const volume = `${own}-volume`;
      writeFileSync(volume, "");
      truncateSync(volume, extra.volumeBytes ?? VOLUME_BYTES);
      const machine = await startMachine(own, renderUserData(settings), { volume, files: extra.files });
      machines.push(machine);
      return machine;
    },
    /** Boots a machine that does nothing, and waits until it is up. */
    bootIdle: async (files: MachineFiles) => {
      const machine = await startMachine(mkdtempSync(folder.join("machine-")), "#!/bin/bash\n", { files });
      machines.push(machine);
      await until("it is up", async () => (await machine.run("systemctl", "is-system-running")).stdout === "running\n");
      return machine;
    },
    /** Makes the two groups of `settings`, the first with one machine. */
    makeGroups: async (name: string) => {
      await autoscaling("CreateLaunchConfiguration", {
        LaunchConfigurationName: name,
        ImageId: "ami-12c6146b",
        InstanceType: "t3.small",
      });
      for (const [at, group] of groups(name).entries())
        await autoscaling("CreateAutoScalingGroup", {
          AutoScalingGroupName: group,
          LaunchConfigurationName: name,
          MinSize: "0",
          MaxSize: "1",
          DesiredCapacity: at === 0 ? "1" : "0",
          "AvailabilityZones.member.1": `${REGION}a`,
        });
    },
    /** A log that a machine has uploaded; "" when it has not. */
    log: (dataset: string, name = "bootstrap.log") => {
      const path = s3.path("logs", dataset, INSTANCE_ID, name);
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    },
    /** What is left behind in AWS: the capacities, the metrics, and whether the run's start time is still there. */
    state: async (dataset: string) => ({
      desired: await desired(dataset),
      succeeded: await metric("RunSucceeded", dataset),
      failed: await metric("RunFailed", dataset),
      started: existsSync(s3.path("logs", dataset, "run/started")),
    }),
    stop: async () => {
      for (const machine of machines) await machine.remove();
      metadata.stop();
      await Promise.all([s3.stop(), aws.stop(), web.stop()]);
      folder[Symbol.dispose]();
    },
  };
}
/** The spot group of a dataset and the one that steps in for it. */
function groups(dataset: string): string[] {
  return [`${dataset}-spot`, `${dataset}-on-demand`];
}

export type World = Awaited<ReturnType<typeof startWorld>>;

/** Waits until something is so. @throws {Error} when it is not within two minutes */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const started = Date.now(); !(await isSo()); await Bun.sleep(50))
    if (Date.now() - started > 120_000) throw new Error(`waited in vain until ${what}`);
}

/** Bun's package from the npm registry, which is asked once. */
function bunTarball() {
  const { version } = pinnedBun();
  const name = process.arch === "arm64" ? "bun-linux-aarch64" : "bun-linux-x64";
  const file = join(toolsFolder(), `${name}-${version}.tgz`);
  if (!Bun.file(file).size) {
    const folder = mkdtempSync(`${file}-`);
    const packed = runTool(
      ["npm", "pack", "--silent", "--pack-destination", folder, `@oven/${name}@${version}`],
      "npm",
    );
    renameSync(join(folder, basename(packed.trim())), file);
    runTool(["rmdir", folder], "Debian package coreutils");
  }
  return { file, path: `@oven/${name}/-/${name}-${version}.tgz` };
}

export function writeFile(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
