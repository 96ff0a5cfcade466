import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import pkg from "../../package.json" with { type: "json" };
import { bucketSettings } from "../archive/location.ts";
import { datasetName } from "../dataset/read.ts";
import { EXIT, type ExitCode, errorMessage, interruption, ProtonBeamError } from "../errors.ts";
import { metadataEndpoint } from "../net/imds.ts";
import type { Link } from "../net/link.ts";
import { createS3Clients, type S3Clients } from "../net/s3.ts";
import { accessOfArgs, linkOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { parseS3Url } from "../net/s3-url.ts";
import { convertOptionsSchema } from "../plan/options.ts";
import { createLog, type Logger } from "../report/log.ts";
import { createMeter, startMetrics } from "../report/metrics.ts";
import { createProgress, emptyPhase, type Progress, silentProgress } from "../report/progress.ts";
import { createStatus, type Status } from "../report/status.ts";
import { describeSummary } from "../report/summary.ts";
import { findSources } from "../source/find.ts";
import type { Source } from "../source/source.ts";
import { stageSource } from "../source/stage.ts";
import type { BucketSettings } from "../store/bucket.ts";
import { LOG_FILE, workLayout } from "../store/layout.ts";
import type { ArchiveStore, Outcome } from "./archive-store.ts";
import { convert } from "./convert.ts";
import { createLocalStore } from "./local-store.ts";
import { createS3Store } from "./s3-store.ts";
import { watchSpot } from "./spot.ts";
import { createStop, type Stop, stopOnSignals } from "./stop.ts";

const seconds = z.number().positive();

const argsSchema = convertOptionsSchema.extend({
  input: z.array(z.string()).min(1),
  dataset: z.string().optional(),
  outputDir: z.string().min(1),
  s3Output: z.string().optional(),
  syncInterval: seconds,
  lease: seconds,
  sse: z.enum(["AES256", "aws:kms"]).optional(),
  kmsKeyId: z.string().optional(),
  storageClass: z.string().optional(),
  stage: z.string().min(1).optional(),
  ...networkArgsSchema.shape,
  metricsFile: z.string().min(1).optional(),
  parallel: z.number().int().min(1).max(1024),
  progress: z.boolean(),
  verbose: z.boolean(),
  json: z.boolean(),
});
type ConvertArgs = z.infer<typeof argsSchema>;

/**
 * Runs `proton-beam convert` with its arguments: log, progress, signals and spot notices around the conversion.
 * @throws {ProtonBeamError} when the arguments are wrong; later errors are logged, shown and returned as exit code
 */
export async function runConvert(parsedArgs: unknown): Promise<ExitCode> {
  const parsed = argsSchema.safeParse(parsedArgs);
  if (!parsed.success) throw new ProtonBeamError(z.prettifyError(parsed.error), EXIT.usage);
  const args = parsed.data;
  const { outputDir, verbose } = args;
  const clients = createS3Clients();
  const link = linkOfArgs(args);
  const settings = args.s3Output === undefined ? null : outputSettings(args.s3Output, args, link);
  const sources = await findSources(args.input, accessOfArgs(args, link), clients);

  mkdirSync(outputDir, { recursive: true });
  const log = createLog(join(outputDir, LOG_FILE), verbose);
  const status = createStatus(args.progress ? createProgress(process.stderr) : silentProgress, pkg.version);
  const { progress } = status;
  const stop = createStop();
  stopOnSignals(stop);
  const store = createStore(args, settings, clients, log, status, stop);
  watchSpot(metadataEndpoint(process.env), stop, log, status);
  const meter = createMeter(link.traffic);
  const dataset = args.dataset === undefined ? store.place : datasetName(args.dataset);
  const endMetrics =
    args.metricsFile === undefined
      ? null
      : startMetrics({ path: args.metricsFile, dataset, meter, status: status.report, log });
  let outcome: Outcome = "failed";
  try {
    const staged =
      args.stage === undefined ? sources : await stage(sources, args.stage, clients, log, progress, stop.signal);
    const summary = await convert(
      { sources: staged, outputDir, store, options: convertOptionsSchema.parse(args), parallel: args.parallel },
      { log, progress, meter, signal: stop.signal, stdin: () => Bun.stdin.stream(), clients },
    );
    progress.end();
    outcome = "complete";
    status.note("complete");
    await store.close(outcome);
    process.stdout.write(args.json ? `${JSON.stringify(summary, null, 2)}\n` : describeSummary(summary));
    return EXIT.done;
  } catch (thrown) {
    const error = stop.reason() ?? thrown;
    progress.end();
    const exitCode = error instanceof ProtonBeamError ? error.exitCode : EXIT.failed;
    log.error({ exitCode, err: error }, errorMessage(error));
    process.stderr.write(`proton-beam: ${errorMessage(error)}\n`);
    if (verbose && error instanceof Error && !(error instanceof ProtonBeamError))
      process.stderr.write(`${error.stack}\n`);
    if (outcome !== "complete") {
      outcome = exitCode === EXIT.resumable ? "interrupted" : "failed";
      status.note(outcome, errorMessage(error));
      await store.close(outcome);
    }
    return exitCode;
  } finally {
    endMetrics?.();
  }
}

function createStore(
  args: ConvertArgs,
  settings: BucketSettings | null,
  clients: S3Clients,
  log: Logger,
  status: Status,
  stop: Stop,
): ArchiveStore {
  const { outputDir } = args;
  const layout = workLayout(outputDir);
  if (settings === null) return createLocalStore(outputDir, layout);
  return createS3Store({
    settings,
    clients,
    outputDir,
    layout,
    leaseMs: args.lease * 1000,
    syncMs: args.syncInterval * 1000,
    log,
    status: status.report,
    stop: stop.because,
    signal: stop.signal,
  });
}

function outputSettings(url: string, args: ConvertArgs, link: Link): BucketSettings {
  const address = parseS3Url(url);
  if (address === null)
    throw new ProtonBeamError(`--s3-output ${url} is no address like s3://bucket/prefix`, EXIT.usage);
  const { sse, kmsKeyId, storageClass } = args;
  // Public buckets and requester pays are matters of the inputs; outputs go to a bucket of one's own.
  const access = { ...accessOfArgs(args, link), anonymous: false, requestPayer: false };
  return {
    ...bucketSettings(address.bucket, address.key, access),
    sse: sse ?? (kmsKeyId === undefined ? null : "aws:kms"),
    kmsKeyId: kmsKeyId ?? null,
    storageClass: storageClass ?? null,
  };
}

async function stage(
  sources: Source[],
  folder: string,
  clients: S3Clients,
  log: Logger,
  progress: Progress,
  signal: AbortSignal,
): Promise<Source[]> {
  const sizes = sources.map(({ input }) => input.size);
  const total = sizes.reduce<number | null>((sum, size) => (sum === null || size === null ? null : sum + size), 0);
  let state = emptyPhase("bytes", total);
  const show = progress.phase("Staging", state);
  const staged: Source[] = [];
  let before = 0;
  for (const source of sources) {
    let here = 0;
    staged.push(
      await stageSource(source, folder, clients, (bytes) => {
        if (signal.aborted) throw interruption();
        here = bytes;
        state = { ...state, done: before + here };
        show(state);
      }),
    );
    before += here;
  }
  log.info({ folder, bytes: before }, "inputs are staged");
  return staged;
}
