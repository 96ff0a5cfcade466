import { availableParallelism } from "node:os";
import { composeDataset } from "../dataset/compose.ts";
import type { Prices, Volume } from "../dataset/prices.ts";
import { type DatasetConfig, datasetSchema } from "../dataset/schema.ts";
import { chooseVolume, type Work } from "../dataset/sizing.ts";
import { EXIT, ProtonBeamError } from "../errors.ts";
import type { S3Clients } from "../net/s3.ts";
import type { ConvertOptions } from "../plan/options.ts";
import { parseSize } from "../plan/values.ts";
import { formatBytes } from "../report/format.ts";
import type { Source } from "../source/source.ts";
import { extrapolate, type Totals } from "./extrapolate.ts";
import { type Measured, measure } from "./measure.ts";
import { type Offer, offersOf, type Recommendation, recommend, s3Costs } from "./offers.ts";
import { type Sample, takeSample } from "./sample.ts";

/** Of the dataset's volume, as its schema has them by default. */
const { iops, throughput } = datasetSchema.shape.volume.parse({});

/** What a conversion is expected to give and to take. */
export interface EstimateReport {
  inputs: number;
  storedBytes: number;
  totals: Totals;
  /** Inputs that are one stream each, and what reading them takes at least. Null when there are none. */
  streams: { inputs: number; storedBytes: number; bytes: number; bytesPerSecond: number; hours: number } | null;
  /** What this machine would take, by what the sample took. */
  here: { cores: number; hours: number; bytesPerSecondPerCore: number; verifier: string | null };
  deadlineHours: number;
  volumeGiB: number;
  offers: Offer[];
  recommendation: Recommendation | null;
  s3: { requests: number; storageMonth: number };
  prices: { date: string; region: string; currency: string };
}

/**
 * Takes a sample of sources, converts it, and says what the whole would give and take.
 * @throws {ProtonBeamError} when the sources hold nothing, cannot be read, or say no size
 */
export async function estimate(
  sources: Source[],
  options: ConvertOptions,
  indexTags: string[],
  deadlineHours: number,
  prices: Prices,
  clients: S3Clients,
): Promise<EstimateReport> {
  const sample = await takeSample(sources, options.maxLineBytes, clients);
  const strata = [sample.spread, sample.streams].filter((stratum) => stratum !== null);
  const measured = await measure(
    strata.flatMap(({ pieces }) => pieces),
    options,
    indexTags,
  );
  const totals = extrapolate(strata, measured);
  if (totals.sampledBytes === 0)
    throw new ProtonBeamError("no whole line was found in a sample of the inputs", EXIT.usage);
  const streams = streamsOf(sample);
  const bytes = parseSize(sizeText(totals.bytes));
  const work: Work = {
    bytes,
    validateSignatures: options.validateSignatures,
    streamHours: streams?.hours ?? 0,
  };
  const volume: Volume = { sizeGiB: chooseVolume(bytes), iops, throughput };
  const offers = offersOf(work, volume, deadlineHours, prices);
  const recommendation = recommend(offers);
  const { date, region, currency } = prices;
  return {
    inputs: sources.length,
    storedBytes: sources.reduce((sum, { input }) => sum + (input.size ?? 0), 0),
    totals,
    streams,
    here: measureHere(totals, measured, streams?.hours ?? 0),
    deadlineHours,
    volumeGiB: volume.sizeGiB,
    offers,
    recommendation,
    s3: s3Costs(
      totals,
      sources.some(({ location }) => location.kind === "s3"),
      recommendation?.offer.hours ?? deadlineHours,
      prices,
    ),
    prices: { date, region, currency },
  };
}

function streamsOf({ streams }: Sample): EstimateReport["streams"] {
  if (streams === null) return null;
  const { inputs, storedBytes, bytes, bytesPerSecond } = streams;
  return { inputs, storedBytes, bytes, bytesPerSecond, hours: bytes === 0 ? 0 : bytes / bytesPerSecond / 3600 };
}

/** The index is built by one thread, the rest by all. */
function measureHere(totals: Totals, { seconds, verifier }: Measured, streamHours: number): EstimateReport["here"] {
  const cores = availableParallelism();
  const scale = totals.bytes / totals.sampledBytes;
  const convertHours = Math.max((seconds.convert * scale) / cores / 3600, streamHours);
  return {
    cores,
    hours: convertHours + (seconds.index * scale) / 3600,
    bytesPerSecondPerCore: totals.sampledBytes / seconds.convert,
    verifier,
  };
}

/** Bytes as a dataset has them: `1.23TB` */
function sizeText(bytes: number): string {
  return formatBytes(bytes).replace(" ", "");
}

/** What was asked for that goes into a dataset beside the recommendation. */
export interface DatasetRequest {
  urls: string[];
  anonymous: boolean;
  requestPayer: boolean;
  region: string | null;
  convert: NonNullable<DatasetConfig["convert"]>;
}

/**
 * The dataset of a recommendation.
 * @throws {ProtonBeamError} usage: when no instance meets the deadline, or an instance cannot read an input
 */
export function recommendedDataset(report: EstimateReport, request: DatasetRequest): DatasetConfig {
  if (report.recommendation === null)
    throw new ProtonBeamError(
      `no instance of the price file is done well within ${report.deadlineHours} hours: raise --deadline-hours`,
      EXIT.usage,
    );
  const { urls, anonymous, requestPayer, region, convert } = request;
  const config = composeDataset({
    source: {
      urls,
      size: sizeText(report.totals.bytes),
      ...(anonymous ? { anonymous } : {}),
      ...(requestPayer ? { requestPayer } : {}),
    },
    region,
    bucket: null,
    convert,
    instanceTypes: report.recommendation.types,
    deadlineHours: report.deadlineHours,
    purchase: "spot",
    email: null,
  });
  const parsed = datasetSchema.safeParse(config);
  if (parsed.success) return config;
  const wrong = parsed.error.issues[0];
  const field = wrong.path[1] === "urls" ? `the input ${urls[Number(wrong.path[2])]}` : wrong.path.join(".");
  throw new ProtonBeamError(`${field} ${wrong.message} in a dataset`, EXIT.usage);
}
