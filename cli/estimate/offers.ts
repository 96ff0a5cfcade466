import { type Architecture, architectureOf, vcpusOf } from "../dataset/instance-type.ts";
import { GIB, type Prices, type Volume } from "../dataset/prices.ts";
import { expectedRun, HEADROOM, SIZES, typesOfSize, type Work } from "../dataset/sizing.ts";
import type { Totals } from "./extrapolate.ts";

/** Of a multipart upload (`store/bucket.ts`), and of a ranged read of a source: a chunk. */
const PART_BYTES = 8 * 1024 ** 2;
const CHUNK_BYTES = 64 * 1024 ** 2;
/** Log and status.json every minute, and three renewals of the lease. */
const PUTS_AN_HOUR = 5 * 60;

/** What a run takes on an instance type; costs in the currency of the prices. */
export interface Offer {
  type: string;
  architecture: Architecture;
  vcpus: number;
  hours: number;
  /** Instance, public address and volume. */
  spot: number;
  onDemand: number;
  /** `tight`: in time, if nothing goes slower than expected. */
  deadline: "met" | "tight" | "missed";
}

/** All families of the price file in all sizes that are chosen from, by size. */
export function offersOf(work: Work, volume: Volume, deadlineHours: number, prices: Prices): Offer[] {
  const types = SIZES.flatMap((size) => Object.keys(prices.vcpuHour).map((family) => `${family}.${size}`));
  return types.flatMap((type) => {
    const spot = expectedRun(work, type, "spot", volume, prices);
    const onDemand = expectedRun(work, type, "on-demand", volume, prices);
    const architecture = architectureOf(type);
    const vcpus = vcpusOf(type);
    if (spot === null || onDemand === null || architecture === null || vcpus === null) return [];
    const { hours } = spot;
    const deadline = hours * HEADROOM <= deadlineHours ? "met" : hours <= deadlineHours ? "tight" : "missed";
    return [{ type, architecture, vcpus, hours, spot: spot.cost, onDemand: onDemand.cost, deadline }];
  });
}

/** An offer that is recommended, and the types that are as good, itself first. */
export interface Recommendation {
  offer: Offer;
  types: string[];
}

/**
 * The cheapest of the types that `auto` prefers which is done well before the deadline. Null when none is.
 * @param offers as `offersOf` gives them
 */
export function recommend(offers: Offer[]): Recommendation | null {
  const choices = SIZES.flatMap((size) => [typesOfSize("x86_64", size), typesOfSize("arm64", size)]);
  let best: Recommendation | null = null;
  for (const types of choices) {
    const offer = offers.find(({ type }) => type === types[0]);
    if (offer?.deadline === "met" && (best === null || offer.spot < best.offer.spot)) best = { offer, types };
  }
  return best;
}

/** What S3 asks beside the instance: for the requests of a run, and for the archive a month. */
export function s3Costs(totals: Totals, sourcesInS3: boolean, hours: number, prices: Prices) {
  const { disk, dailyBytes, indexBytes, bytes, days } = totals;
  const parts = Math.ceil(disk.total / PART_BYTES);
  const objects = Math.ceil(bytes / CHUNK_BYTES) + 2 * days;
  const puts = parts + objects + PUTS_AN_HOUR * hours;
  const gets = 2 * objects + (sourcesInS3 ? Math.ceil(bytes / CHUNK_BYTES) : 0);
  return {
    requests: (puts * prices.s3PutThousand + gets * prices.s3GetThousand) / 1000,
    storageMonth: ((dailyBytes + indexBytes) / GIB) * prices.s3GiBMonth,
  };
}
