import { z } from "zod";
import { parseArgs } from "../args.ts";
import { datasetName } from "../dataset/read.ts";
import { type ExitCode, interruption } from "../errors.ts";
import { createS3Clients, type S3Clients } from "../net/s3.ts";
import { accessOfArgs, linkOfArgs } from "../net/s3-args.ts";
import { convertOptionsSchema } from "../plan/options.ts";
import type { Logger } from "../report/log.ts";
import { emptyPhase, type Progress } from "../report/progress.ts";
import { STAGING_PHASE } from "../report/records.ts";
import { describeSummary } from "../report/summary.ts";
import { findSources } from "../source/find.ts";
import type { Source } from "../source/source.ts";
import { stageSource } from "../source/stage.ts";
import { convert } from "./convert.ts";
import { outputSettings, runSession, sessionArgsSchema } from "./session.ts";

const argsSchema = convertOptionsSchema.extend({
  input: z.array(z.string()).min(1),
  dataset: z.string().optional(),
  stage: z.string().min(1).optional(),
  indexTags: z.array(z.string()).nullable().default(null),
  ...sessionArgsSchema.shape,
});

/**
 * Runs `proton-beam convert` with its arguments.
 * @throws {ProtonBeamError} when the arguments are wrong; later errors are logged, shown and returned as exit code
 */
export async function runConvert(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  const clients = createS3Clients();
  const link = linkOfArgs(args);
  const settings = outputSettings(args, link);
  const sources = await findSources(args.input, accessOfArgs(args, link), clients);
  const dataset = args.dataset === undefined ? null : datasetName(args.dataset);
  return runSession({ args, clients, link, settings, dataset }, async (store, context) => {
    const { log, progress, signal } = context;
    const { outputDir, indexTags, parallel } = args;
    const staged =
      args.stage === undefined ? sources : await stage(sources, args.stage, clients, log, progress, signal);
    const options = convertOptionsSchema.parse(args);
    const summary = await convert({ sources: staged, outputDir, store, options, indexTags, parallel }, context);
    return args.json ? `${JSON.stringify(summary, null, 2)}\n` : describeSummary(summary);
  });
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
  const show = progress.phase(STAGING_PHASE, state);
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
