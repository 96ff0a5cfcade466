import { EXIT, ProtonBeamError } from "../errors.ts";
import { parseSize } from "../plan/values.ts";
import { type Architecture, architectureOf, vcpusOf } from "./instance-type.ts";
import { GIB, instanceHour, type Prices, type Purchase, readPrices, type Volume, volumeHour } from "./prices.ts";
import type { Dataset } from "./schema.ts";

/**
 * JSON Lines that a vCPU converts in a second, bytes, from line to index: three quarters of what scripts/bench.ts measured
 * a core, since a vCPU of most types is half of one.
 */
const VCPU_RATE = { checked: 14e6, unchecked: 20e6 };

/**
 * What goes to and from the work volume for a byte of input: 0.97 written (segments, daily files, rows, index), and the
 * segments read again. Measured with a generated dump of 1.4 KB events.
 */
const VOLUME_TRAFFIC = 1.5;

/** From the start of an instance to its first chunk, and from its last to its end. */
const START_HOURS = 0.05;

/** How much sooner than the deadline a run should be done: interruptions and slow sources take their time. */
export const HEADROOM = 1.5;

/** Sizes that are chosen from, ascending. */
export const SIZES = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"];

/** Families that auto chooses from, which most regions have; several, so that spot capacity is found. */
export const FAMILIES: Record<Architecture, string[]> = {
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

/** What is to be converted. */
export interface Work {
  /** JSON Lines, uncompressed. */
  bytes: number;
  validateSignatures: boolean;
  /** What the sources take that can only be read as one stream, however many processors there are. */
  streamHours: number;
}

/**
 * Chooses what the dataset leaves to `auto`.
 * @throws {ProtonBeamError} usage: when no instance meets the deadline
 */
export function sizeOf(dataset: Dataset): Sizing {
  const { source, instance, volume, convert, purchase } = dataset;
  const bytes = source.size === undefined ? null : parseSize(source.size);
  const { validateSignatures } = convert;
  const work = bytes === null ? null : { bytes, validateSignatures, streamHours: 0 };
  const instanceTypes = instance.types === "auto" ? chooseTypes(dataset, work) : instance.types;
  const architecture = architectureOf(instanceTypes[0]) ?? instance.architecture;
  const volumeGiB = volume.sizeGiB === "auto" ? chooseVolume(bytes ?? 0) : volume.sizeGiB;
  const expected =
    work === null
      ? null
      : expectedRun(work, instanceTypes[0], purchase, { ...volume, sizeGiB: volumeGiB }, readPrices(null));
  return { instanceTypes, architecture, volumeGiB, expected };
}

function chooseTypes({ source, deadlineHours, instance, volume }: Dataset, work: Work | null): string[] {
  const families = FAMILIES[instance.architecture];
  const hoursOn = (size: string) =>
    work === null ? 0 : (runHours(work, `${families[0]}.${size}`, volume.throughput) ?? 0) * HEADROOM;
  const size = SIZES.find((candidate) => hoursOn(candidate) <= deadlineHours);
  if (size === undefined) {
    const least = Math.ceil(hoursOn(SIZES[SIZES.length - 1]));
    throw new ProtonBeamError(
      `no instance converts ${source.size} within deadlineHours ${deadlineHours}: ` +
        `set it to ${least} or more, raise volume.throughput, divide the sources over several datasets, or name instance.types.`,
      EXIT.usage,
    );
  }
  return typesOfSize(instance.architecture, size);
}

/** The types of a size that are as good as each other, the one that is preferred first. */
export function typesOfSize(architecture: Architecture, size: string): string[] {
  return FAMILIES[architecture].map((family) => `${family}.${size}`);
}

/** GiB of the work volume for so many bytes of JSON Lines. */
export function chooseVolume(bytes: number): number {
  const needed = Math.ceil((bytes * VOLUME_RATIO) / GIB) + VOLUME_BASE_GIB;
  return Math.min(Math.max(needed, VOLUME_MIN_GIB), VOLUME_MAX_GIB);
}

/** Hours from start to end on an instance type, by the slowest of processors, volume and stream. Null when its vCPUs are not known. */
function runHours({ bytes, validateSignatures, streamHours }: Work, type: string, throughput: number): number | null {
  const vcpus = vcpusOf(type);
  if (vcpus === null) return null;
  const rate = vcpus * (validateSignatures ? VCPU_RATE.checked : VCPU_RATE.unchecked);
  const volumeRate = (throughput * 1024 ** 2) / VOLUME_TRAFFIC;
  return START_HOURS + Math.max(bytes / Math.min(rate, volumeRate) / 3600, streamHours);
}

/** Hours of a run, and its cost without traffic, requests and storage. Null when vCPUs or price of the type are not known. */
export function expectedRun(
  work: Work,
  type: string,
  purchase: Purchase,
  volume: Volume,
  prices: Prices,
): Sizing["expected"] {
  const hours = runHours(work, type, volume.throughput);
  const hourly = instanceHour(prices, type, purchase);
  if (hours === null || hourly === null) return null;
  return { hours, cost: hours * (hourly + prices.publicIpv4Hour + volumeHour(prices, volume)) };
}

/** What a run is expected to take, in words. */
export function describeSizing({ expected, instanceTypes }: Sizing, { purchase }: Dataset): string {
  if (expected === null)
    return "not known: the dataset has no source.size, or the price of its instance type is not known";
  const { date, region } = readPrices(null);
  return (
    `about ${Math.max(expected.hours, 0.1).toFixed(1)} hours and ${Math.max(expected.cost, 0.01).toFixed(2)} USD a run ` +
    `on ${instanceTypes[0]} (${purchase}), without traffic, requests and storage; prices of ${date}, ${region}`
  );
}
