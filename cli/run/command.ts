import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { EXIT, type ExitCode, errorMessage, ProtonBeamError } from "../errors.ts";
import { convertOptionsSchema } from "../plan/options.ts";
import { createLog } from "../report/log.ts";
import { createProgress, silentProgress } from "../report/progress.ts";
import { describeSummary } from "../report/summary.ts";
import { findInputs } from "../source/inputs.ts";
import { LOG_FILE } from "../store/layout.ts";
import { convert } from "./convert.ts";

const argsSchema = convertOptionsSchema.extend({
  input: z.array(z.string()).min(1),
  outputDir: z.string().min(1),
  parallel: z.number().int().min(1).max(1024),
  progress: z.boolean(),
  verbose: z.boolean(),
  json: z.boolean(),
});

/**
 * Runs `proton-beam convert` with its arguments: log, progress and signals around the conversion.
 * @throws {ProtonBeamError} when the arguments are wrong; later errors are logged, shown and returned as exit code
 */
export async function runConvert(args: unknown): Promise<ExitCode> {
  const parsed = argsSchema.safeParse(args);
  if (!parsed.success) throw new ProtonBeamError(z.prettifyError(parsed.error), EXIT.usage);
  const { input, outputDir, parallel, progress: wantsProgress, verbose, json } = parsed.data;
  const inputs = findInputs(input);
  mkdirSync(outputDir, { recursive: true });
  const log = createLog(join(outputDir, LOG_FILE), verbose);
  const progress = wantsProgress ? createProgress(process.stderr) : silentProgress;
  try {
    const summary = await convert(
      { inputs, outputDir, options: convertOptionsSchema.parse(args), parallel },
      { log, progress, signal: stopOnSignals(), stdin: () => Bun.stdin.stream() },
    );
    progress.end();
    process.stdout.write(json ? `${JSON.stringify(summary, null, 2)}\n` : describeSummary(summary));
    return EXIT.done;
  } catch (error) {
    progress.end();
    const exitCode = error instanceof ProtonBeamError ? error.exitCode : EXIT.failed;
    log.error({ exitCode, err: error }, errorMessage(error));
    process.stderr.write(`proton-beam: ${errorMessage(error)}\n`);
    if (verbose && error instanceof Error && !(error instanceof ProtonBeamError))
      process.stderr.write(`${error.stack}\n`);
    return exitCode;
  }
}

/** The first SIGINT or SIGTERM asks the run to stop; a second one ends the process at once. */
function stopOnSignals(): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(EXIT.resumable);
    process.stderr.write("\nproton-beam: stopping; once more to leave at once\n");
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}
