import { z } from "zod";
import { errorMessage } from "../errors.ts";
import { parseS3Url } from "../net/s3-url.ts";
import { parseKinds, parseSize, parseTagNames, parseTime } from "../plan/values.ts";
import { architectureOf } from "./instance-type.ts";

/** Text that `read` accepts; its error is the field's. The value stays the text a person wrote. */
function textFor(read: (text: string) => unknown) {
  return z.string().superRefine((text, context) => {
    try {
      read(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: errorMessage(error) });
    }
  });
}

const time = textFor(parseTime);
const size = textFor(parseSize);
/** The longest time over which an alarm can look, less what it takes to notice (CloudWatch User Guide, "Alarm evaluation"). */
export const MOST_HOURS = 166;
const hours = z.number().positive().max(MOST_HOURS);
const days = z.number().int().positive();

const arn = (service: string) =>
  z.string().regex(new RegExp(`^arn:aws[a-z-]*:${service}:[a-z0-9-]*:\\d{12}:.+$`), {
    error: `must be an ARN such as arn:aws:${service}:…`,
  });

const bucketName = z.string().regex(/^(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, {
  error: "must be a bucket name: 3 to 63 of a-z, 0-9, dot and hyphen",
});

/** What most services take in tags (AWS General Reference, "Tag naming limits and requirements"). */
const tagText = z.string().regex(/^(?!aws:)[\p{L}\p{N} _.:/=+@-]*$/u, {
  error: "must be letters, digits, spaces and _.:/=+-@, and not begin with aws:",
});

const cidr = z.union([z.cidrv4(), z.cidrv6()], { error: "must be an address range such as 203.0.113.0/24" });

const sourceUrl = z.string().refine((url) => URL.canParse(url) && isSource(url), {
  error: "must be an http:// or https:// address, or s3://bucket/key (without * ? $, which are patterns to others)",
});

function isSource(url: string): boolean {
  // Keys become resources of policies, where these characters mean more than themselves.
  return /^https?:\/\//i.test(url) ? new URL(url).username === "" : parseS3Url(url) !== null && !/[*?$]/.test(url);
}

const source = z.strictObject({
  urls: z
    .array(sourceUrl)
    .min(1)
    .describe("Dumps: http(s):// addresses, archive.org items, s3://bucket/key, s3://bucket/prefix/"),
  size: size
    .optional()
    .describe("JSON Lines of all sources together, uncompressed, such as 500GB; instance and volume are chosen by it"),
  anonymous: z.boolean().default(false).describe("Read s3:// sources without signing: public buckets"),
  requestPayer: z.boolean().default(false).describe("Pay for reading s3:// sources of requester-pays buckets"),
  kmsKeyArns: z.array(arn("kms")).default([]).describe("KMS keys that s3:// sources are encrypted with"),
});

const output = z.strictObject({
  bucket: bucketName.optional().describe("A bucket that exists; without it the stack makes one"),
  prefix: z
    .string()
    .regex(/^([A-Za-z0-9!_.'()-]+\/)*[A-Za-z0-9!_.'()-]*$/, {
      error: "must be the beginning of a key, without a slash at its start",
    })
    .transform((prefix) => prefix.replace(/\/$/, ""))
    .default("")
    .describe("Where in the bucket the archive is"),
  storageClass: z
    .enum(["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"])
    .default("STANDARD")
    .describe("Storage class of the finished files"),
  kmsKeyArn: arn("kms").optional().describe("KMS key of the archive; without it S3 encrypts with its own keys"),
  deleteWithStack: z
    .boolean()
    .default(false)
    .describe("Let destroy delete the bucket with the archive in it; else destroy stops at a bucket that is not empty"),
});

/** Options of `convert`, as they are written on its command line. */
const convert = z.strictObject({
  validateSignatures: z.boolean().default(true).describe("Reject events whose signature does not verify"),
  validateEventIds: z.boolean().default(true),
  filterInvalidKinds: z.boolean().default(true),
  kinds: textFor(parseKinds).optional().describe("Keep only these kinds, such as 0,1,30000-39999"),
  since: time.optional().describe("Keep events from this time on"),
  until: time.optional().describe("Keep events up to and including this time"),
  indexTags: textFor(parseTagNames)
    .optional()
    .describe("Let the index look up tags with these letters, such as e,p,t,d"),
  compressionLevel: z.number().int().min(0).max(12).default(6),
  chunkBytes: size.optional(),
  maxLineBytes: size.optional(),
  retryFor: z.number().positive().optional().describe("Seconds for which failing transfers are repeated"),
});

const instanceType = z.string().refine((type) => architectureOf(type) !== null, {
  error: "must be an EC2 instance type such as c7i.2xlarge",
});

const instance = z.strictObject({
  types: z
    .union([z.literal("auto"), z.array(instanceType).min(1)])
    .default("auto")
    .describe('Instance types that are as good as each other, or "auto": chosen from source.size and deadlineHours'),
  architecture: z.enum(["x86_64", "arm64"]).default("x86_64").describe("What auto chooses from; arm64 is Graviton"),
});

const volume = z.strictObject({
  sizeGiB: z
    .union([z.literal("auto"), z.number().int().min(8).max(16_384)])
    .default("auto")
    .describe("Work volume, GiB"),
  iops: z.number().int().min(3000).max(16_000).default(3000),
  throughput: z.number().int().min(125).max(1000).default(250).describe("MiB/s"),
});

/** A VPC of the stack's own, or an existing one. */
export type Network = { kind: "own"; cidr: string } | { kind: "existing"; vpcId: string; subnetIds: string[] };

const network = z
  .strictObject({
    cidr: z
      .cidrv4()
      .refine(isVpcRange, { error: "must be the address of a network between /16 and /24, such as 10.42.0.0/16" })
      .optional()
      .describe("Of the VPC that is made; 10.42.0.0/16 without it"),
    vpcId: z
      .string()
      .regex(/^vpc-[0-9a-f]+$/, { error: "must be the id of a VPC such as vpc-0a1b2c3d" })
      .optional()
      .describe("An existing VPC to use instead"),
    subnetIds: z
      .array(z.string().regex(/^subnet-[0-9a-f]+$/, { error: "must be the id of a subnet such as subnet-0a1b2c3d" }))
      .min(1)
      .optional()
      .describe("Its subnets, with a way to the Internet and to S3"),
  })
  .transform(({ cidr, vpcId, subnetIds }, context): Network => {
    if (vpcId !== undefined && subnetIds !== undefined && cidr === undefined)
      return { kind: "existing", vpcId, subnetIds };
    if (vpcId !== undefined || subnetIds !== undefined)
      context.addIssue("must have vpcId and subnetIds of an existing network, or only the cidr of a new one");
    return { kind: "own", cidr: cidr ?? "10.42.0.0/16" };
  });

function isVpcRange(range: string): boolean {
  const [address, bits] = range.split("/");
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return Number(bits) >= 16 && Number(bits) <= 24 && number % 2 ** (32 - Number(bits)) === 0;
}

/** The retention periods that CloudWatch Logs offers (PutRetentionPolicy), days. */
const LOG_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288];

/** One dataset: what is converted, and the deployment that does it. Read by the stacks and by `convert --dataset`. */
export const datasetSchema = z
  .strictObject({
    $schema: z.string().optional(),
    description: z.string().optional(),
    source,
    output: output.prefault({}),
    region: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, { error: "must be an AWS region such as us-east-1" })
      .default("us-east-1"),
    convert: convert.prefault({}),
    instance: instance.prefault({}),
    deadlineHours: hours.default(24).describe("When the archive should be there; auto chooses by it"),
    maxRunHours: hours.default(72).describe("Ends a run that hangs, counted over all its machines"),
    purchase: z.enum(["spot", "on-demand"]).default("spot").describe("spot falls back to on-demand when there is none"),
    volume: volume.prefault({}),
    schedule: z
      .string()
      .regex(/^[\d*,/-]+ [\d*,/-]+ [\d*,/-]+ [\dA-Za-z*,/-]+ [\dA-Za-z*,/-]+$/, {
        error: "must be five cron fields (UTC) such as 0 3 * * *",
      })
      .optional()
      .describe("When to run again and add what is new, cron in UTC"),
    alarms: z
      .strictObject({
        email: z.email().optional().describe("Who is told of failures; must be confirmed once"),
        runHours: z.number().int().min(1).max(168).optional().describe("Alarm when a machine runs for so long on end"),
      })
      .prefault({}),
    network: network.prefault({}),
    ssh: z
      .strictObject({
        cidrs: z.array(cidr).min(1),
        keyName: z.string().regex(/^[\w .@+-]+$/, { error: "must be the name of a key pair" }),
      })
      .optional()
      .describe("Opens port 22 to these address ranges; Session Manager needs no port"),
    retention: z
      .strictObject({
        logDays: z.literal(LOG_DAYS, { error: `must be one of ${LOG_DAYS.join(", ")}` }).default(90),
        oldVersionDays: days.default(30).describe("Days that overwritten and deleted objects are kept"),
        unfinishedDays: days.default(30).describe("Days after which segments of a run that was given up are removed"),
      })
      .prefault({}),
    audit: z.boolean().default(false).describe("CloudTrail with data events of the archive, and VPC flow logs"),
    permissionsBoundary: arn("iam").optional().describe("Of the instance's role"),
    tags: z.record(tagText.min(1).max(128), tagText.max(256)).default({}),
  })
  .superRefine((dataset, context) => {
    const issue = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    const { source, instance, volume } = dataset;
    if (source.size === undefined && instance.types === "auto")
      issue(["source", "size"], "is needed for instance.types auto");
    if (source.size === undefined && volume.sizeGiB === "auto")
      issue(["source", "size"], "is needed for volume.sizeGiB auto");
    if (instance.types !== "auto" && new Set(instance.types.map(architectureOf)).size > 1)
      issue(["instance", "types"], "must all be of one architecture");
    if (volume.sizeGiB !== "auto" && volume.iops > volume.sizeGiB * 500)
      issue(["volume", "iops"], "must be at most 500 for each GiB of volume.sizeGiB");
    if (volume.throughput > volume.iops / 4)
      issue(["volume", "throughput"], "must be at most a quarter of volume.iops");
    const { maxRunHours, deadlineHours, retention } = dataset;
    if (maxRunHours < deadlineHours) issue(["maxRunHours"], "must not be less than deadlineHours");
    for (const field of ["logDays", "unfinishedDays"] as const)
      if (retention[field] * 24 <= maxRunHours) issue(["retention", field], "must be longer than maxRunHours");
  });

export type DatasetConfig = z.input<typeof datasetSchema>;
/** A dataset file with the defaults filled in. */
export type Dataset = z.output<typeof datasetSchema>;
