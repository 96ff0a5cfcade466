import { EXIT, ProtonBeamError } from "../errors.ts";
import { parseSize } from "../plan/values.ts";
import { type Architecture, architectureOf } from "./instance-type.ts";
import prices from "./prices.json" with { type: "json" };
import type { Dataset } from "./schema.ts";

const GIB = 1024 ** 3;
const HOURS_A_MONTH = 730;

/**
 * JSON Lines that a vCPU converts in a second, bytes, from line to index: three quarters of what scripts/bench.ts measured
 * a core, since a vCPU of most types is half of one.
 */
const VCPU_RATE = { checked: 10e6, unchecked: 20e6 };

/** How much sooner than the deadline auto wants to be done: interruptions and slow sources take their time. */
const HEADROOM = 1.5;

/** Sizes that auto chooses from, in vCPUs. */
const SIZES = { large: 2, xlarge: 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "16xlarge": 64 };

/** Families that auto chooses from, which most regions have; several, so that spot capacity is found. */
const FAMILIES: Record<Architecture, (keyof typeof prices.vcpuHour)[]> = {
  x86_64: ["c7i", "c6i", "c6a", "m7i", "m6i"],
  arm64: ["c7g", "c6g", "m7g", "m6g"],
};

/** Work volume for a byte of input: segments, daily files and index side by side, as bench.ts measured, and some more. */
const VOLUME_RATIO = 1.15;
const VOLUME_BASE_GIB = 20;
const VOLUME_MIN_GIB = 50;
const VOLUME_MAX_GIB = 16_384;

/** What a dataset is deployed on, and what that is expected to take. */
export interface Sizing {
  instanceTypes: string[];
  architecture: Architecture;
  volumeGiB: number;
  /** Null when the size of the source or the price of the type is not known. */
  expected: { hours: number; cost: number } | null;
}

/**
 * Chooses what the dataset leaves to `auto`.
 * @throws {ProtonBeamError} usage: when no instance meets the deadline
 */
export function sizeOf(dataset: Dataset): Sizing {
  const { source, instance, volume } = dataset;
  const bytes = source.size === undefined ? null : parseSize(source.size);
  const instanceTypes = instance.types === "auto" ? chooseTypes(dataset, bytes ?? 0) : instance.types;
  const architecture = architectureOf(instanceTypes[0]) ?? instance.architecture;
  const volumeGiB = volume.sizeGiB === "auto" ? chooseVolume(bytes ?? 0) : volume.sizeGiB;
  return { instanceTypes, architecture, volumeGiB, expected: expect(dataset, bytes, instanceTypes[0], volumeGiB) };
}

function chooseTypes(dataset: Dataset, bytes: number): string[] {
  const { deadlineHours, instance } = dataset;
  const size = Object.entries(SIZES).find(([, vcpus]) => runHours(dataset, bytes, vcpus) * HEADROOM <= deadlineHours);
  if (size === undefined) {
    const least = Math.ceil(runHours(dataset, bytes, SIZES["16xlarge"]) * HEADROOM);
    throw new ProtonBeamError(
      `no instance converts ${dataset.source.size} within deadlineHours ${deadlineHours}: ` +
        `set it to ${least} or more, divide the sources over several datasets, or name instance.types.`,
      EXIT.usage,
    );
  }
  return FAMILIES[instance.architecture].map((family) => `${family}.${size[0]}`);
}

function chooseVolume(bytes: number): number {
  const needed = Math.ceil((bytes * VOLUME_RATIO) / GIB) + VOLUME_BASE_GIB;
  return Math.min(Math.max(needed, VOLUME_MIN_GIB), VOLUME_MAX_GIB);
}

function runHours({ convert }: Dataset, bytes: number, vcpus: number): number {
  return bytes / (vcpus * (convert.validateSignatures ? VCPU_RATE.checked : VCPU_RATE.unchecked)) / 3600;
}

/** Hours and US dollars of a run on `type`, without traffic and requests. */
function expect(dataset: Dataset, bytes: number | null, type: string, volumeGiB: number): Sizing["expected"] {
  const [family, size] = type.split(".");
  const vcpus = Object.entries(SIZES).find(([name]) => name === size)?.[1];
  const price = Object.entries(prices.vcpuHour).find(([name]) => name === family)?.[1];
  if (bytes === null || vcpus === undefined || price === undefined) return null;
  const { volume, purchase } = dataset;
  const hours = runHours(dataset, bytes, vcpus);
  const instanceHour = vcpus * price * (purchase === "spot" ? prices.spotFactor : 1) + prices.publicIpv4Hour;
  const volumeMonth =
    volumeGiB * prices.gp3GiBMonth +
    (volume.iops - 3000) * prices.gp3IopsMonth +
    (volume.throughput - 125) * prices.gp3MiBsMonth;
  return { hours, cost: hours * (instanceHour + volumeMonth / HOURS_A_MONTH) };
}

/** What a run is expected to take, in words. */
export function describeSizing({ expected, instanceTypes }: Sizing, { purchase }: Dataset): string {
  if (expected === null)
    return "not known: the dataset has no source.size, or the price of its instance type is not known";
  return (
    `about ${Math.max(expected.hours, 0.1).toFixed(1)} hours and ${Math.max(expected.cost, 0.01).toFixed(2)} USD a run ` +
    `on ${instanceTypes[0]} (${purchase}), without traffic, requests and storage; prices of ${prices.date}, ${prices.region}`
  );
}
