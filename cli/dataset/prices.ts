import { readFileSync } from "node:fs";
import { z } from "zod";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { vcpusOf } from "./instance-type.ts";
import builtIn from "./prices.json" with { type: "json" };

const price = z.number().nonnegative();

/** What AWS asks for what a run uses, in one currency and region. */
const pricesSchema = z.strictObject({
  /** When the prices were looked up. */
  date: z.iso.date(),
  region: z.string(),
  currency: z.string().regex(/^[A-Z]{3}$/, { error: "must be three letters such as USD (ISO 4217)" }),
  note: z.string(),
  /** A vCPU for an hour, on-demand, by instance family. */
  vcpuHour: z.record(z.string(), price),
  /** What a spot instance costs of the on-demand price. It moves with the hour, the zone and the type: a rule of thumb. */
  spotFactor: z.number().positive().max(1),
  /** A GiB of a gp3 volume, and its IOPS and MiB/s above the 3000 and 125 that are free, for a month. */
  gp3GiBMonth: price,
  gp3IopsMonth: price,
  gp3MiBsMonth: price,
  publicIpv4Hour: price,
  /** S3 Standard: a GiB for a month, and a thousand requests that write or list (PUT, COPY, POST, LIST) or read (GET, HEAD). */
  s3GiBMonth: price,
  s3PutThousand: price,
  s3GetThousand: price,
});
export type Prices = z.infer<typeof pricesSchema>;

export type Purchase = "spot" | "on-demand";

/**
 * The prices that come with the program, with the fields of the JSON file at `path` in place of theirs (of `vcpuHour`
 * family by family).
 * @throws {ProtonBeamError} usage: that names the file and each wrong field
 */
export function readPrices(path: string | null): Prices {
  const prices = pricesSchema.parse(builtIn);
  if (path === null) return prices;
  const parsed = pricesSchema.partial().safeParse(readJson(path));
  if (parsed.success) {
    const { vcpuHour, ...others } = parsed.data;
    return { ...prices, ...others, vcpuHour: { ...prices.vcpuHour, ...vcpuHour } };
  }
  const problems = parsed.error.issues.map(
    ({ path: field, message }) => `  ${field.length === 0 ? "the file" : z.core.toDotPath(field)}: ${message}`,
  );
  throw new ProtonBeamError(
    `${path} holds no prices that can be used (see cli/dataset/prices.json):\n${problems.join("\n")}`,
    EXIT.usage,
  );
}

/** What AWS sells storage by, bytes. */
export const GIB = 1024 ** 3;
const HOURS_A_MONTH = 730;

/** A gp3 volume of the work disk. `throughput` in MiB/s. */
export interface Volume {
  sizeGiB: number;
  iops: number;
  throughput: number;
}

/** What a gp3 volume costs an hour. */
export function volumeHour(prices: Prices, { sizeGiB, iops, throughput }: Volume): number {
  const month =
    sizeGiB * prices.gp3GiBMonth + (iops - 3000) * prices.gp3IopsMonth + (throughput - 125) * prices.gp3MiBsMonth;
  return month / HOURS_A_MONTH;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ProtonBeamError(`the prices ${path} cannot be read: ${errorMessage(error)}`, EXIT.usage);
  }
}

/**
 * What an EC2 instance costs an hour, its public IPv4 address and its volume not included. Null when the price of the
 * family or the vCPUs of the size are not known.
 */
export function instanceHour(prices: Prices, type: string, purchase: Purchase): number | null {
  const price = Object.entries(prices.vcpuHour).find(([family]) => type.startsWith(`${family}.`))?.[1];
  const vcpus = vcpusOf(type);
  if (price === undefined || vcpus === null) return null;
  return vcpus * price * (purchase === "spot" ? prices.spotFactor : 1);
}
