import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import pkg from "../../package.json" with { type: "json" };
import { bucketSettings } from "../archive/location.ts";
import { EXIT, type ExitCode, errorMessage, explainFullDisk, ProtonBeamError } from "../errors.ts";
import { metadataEndpoint } from "../net/imds.ts";
import type { Link } from "../net/link.ts";
import type { S3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { parseS3Url } from "../net/s3-url.ts";
import { createReporter } from "../report/at-end.ts";
import { createLog, type Logger } from "../report/log.ts";
import { describeMachine } from "../report/machine.ts";
import { createMeter, startMetrics } from "../report/metrics.ts";
import { createProgress, silentProgress } from "../report/progress.ts";
import { logProgress } from "../report/progress-log.ts";
import { RECORD } from "../report/records.ts";
import { createStatus, type Status } from "../report/status.ts";
import type { BucketSettings } from "../store/bucket.ts";
import { LOG_FILE, workLayout } from "../store/layout.ts";
import type { ArchiveStore, Outcome } from "./archive-store.ts";
import { createLocalStore } from "./local-store.ts";
import type { RunContext } from "./run.ts";
import { createS3Store } from "./s3-store.ts";
import { watchSpot } from "./spot.ts";
import { createStop, type Stop, stopOnSignals } from "./stop.ts";

const seconds = z.number().positive();
/** Names sessions apart in one log. */
const SESSION_LENGTH = 8;

/** What the commands take that write an archive. */
export const sessionArgsSchema = z.object({
  outputDir: z.string().min(1),
  s3Output: z.string().optional(),
  syncInterval: seconds,
  lease: seconds,
  sse: z.enum(["AES256", "aws:kms"]).optional(),
  kmsKeyId: z.string().optional(),
  storageClass: z.string().optional(),
  ...networkArgsSchema.shape,
  metricsFile: z.string().min(1).optional(),
  parallel: z.number().int().min(1).max(1024),
  progress: z.boolean(),
  verbose: z.boolean(),
  json: z.boolean(),
});
export type SessionArgs = z.infer<typeof sessionArgsSchema>;

/** What a session begins with. */
export interface SessionStart {
  args: SessionArgs;
  clients: S3Clients;
  link: Link;
  /** Where the archive goes in S3, or null; see {@link outputSettings}. */
  settings: BucketSettings | null;
  /** The name in metrics; null for the place of the archive. */
  dataset: string | null;
}

/**
 * Does work on an archive with log, progress, report, signals and spot notices around it.
 * @param work gives what goes to standard output
 * @returns the exit code; errors of the work are logged and shown
 */
export async function runSession(
  { args, clients, link, settings, dataset }: SessionStart,
  work: (store: ArchiveStore, context: RunContext) => Promise<string>,
): Promise<ExitCode> {
  const { outputDir, verbose } = args;
  mkdirSync(outputDir, { recursive: true });
  const session = randomUUID().slice(0, SESSION_LENGTH);
  const { version } = pkg;
  const logPath = join(outputDir, LOG_FILE);
  const log = createLog(logPath, verbose).child({ session });
  const metadata = metadataEndpoint(process.env);
  log.info({ version, ...(await describeMachine(metadata, outputDir)) }, RECORD.machine);
  const shown = args.progress ? createProgress(process.stderr) : silentProgress;
  const status = createStatus(logProgress(shown, log), { version, session });
  const { progress } = status;
  const stop = createStop();
  stopOnSignals(stop);
  const store = createStore(args, settings, clients, log, status, stop);
  watchSpot(metadata, stop, log, status);
  const meter = createMeter(link.traffic);
  const reporter = createReporter({ store, logPath, log, signal: stop.signal });
  const endMetrics =
    args.metricsFile === undefined
      ? null
      : startMetrics({ path: args.metricsFile, dataset: dataset ?? store.place, meter, status: status.report, log });
  let outcome: Outcome = "failed";
  try {
    const result = await work(store, {
      log,
      progress,
      meter,
      status: status.report,
      publishing: reporter.collect,
      signal: stop.signal,
      stdin: () => Bun.stdin.stream(),
      clients,
    });
    progress.end();
    outcome = "complete";
    status.note(outcome);
    log.info({ outcome }, RECORD.ended);
    await reporter.finish();
    await store.close(outcome);
    process.stdout.write(result);
    return EXIT.done;
  } catch (thrown) {
    const error = stop.reason() ?? explainFullDisk(thrown, outputDir);
    progress.end();
    const exitCode = error instanceof ProtonBeamError ? error.exitCode : EXIT.failed;
    log.error({ exitCode, err: error }, errorMessage(error));
    process.stderr.write(`proton-beam: ${errorMessage(error)}\n`);
    if (verbose && error instanceof Error && !(error instanceof ProtonBeamError))
      process.stderr.write(`${error.stack}\n`);
    if (outcome !== "complete") {
      outcome = exitCode === EXIT.resumable ? "interrupted" : "failed";
      status.note(outcome, errorMessage(error));
      log.info({ outcome, message: errorMessage(error) }, RECORD.ended);
      await store.close(outcome);
    }
    return exitCode;
  } finally {
    endMetrics?.();
  }
}

function createStore(
  args: SessionArgs,
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

/** Where `--s3-output` says that the archive goes. @throws {ProtonBeamError} usage */
export function outputSettings(args: SessionArgs, link: Link): BucketSettings | null {
  const { s3Output: url } = args;
  if (url === undefined) return null;
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
