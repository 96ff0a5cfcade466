import { z } from "zod";
import { parseLocation } from "../archive/location.ts";
import { parseArgs } from "../args.ts";
import { EXIT, type ExitCode } from "../errors.ts";
import { createS3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { formatBytes, formatCount, formatDuration } from "../report/format.ts";
import { createProgress, silentProgress } from "../report/progress.ts";
import { createOutput } from "../stdout.ts";
import { type Problem, TOLD_PER_FILE } from "./findings.ts";
import { type Verification, verifyArchive } from "./verify.ts";

const argsSchema = z.object({
  archive: z.string().min(1),
  parallel: z.number().int().min(1).max(1024),
  signatures: z.boolean(),
  progress: z.boolean(),
  json: z.boolean(),
  ...networkArgsSchema.shape,
});

/**
 * Runs `proton-beam verify` with its arguments.
 * @throws {ProtonBeamError} when the arguments are wrong or there is no archive
 */
export async function runVerify(parsedArgs: unknown): Promise<ExitCode> {
  const { archive, parallel, signatures, progress, json, ...network } = parseArgs(argsSchema, parsedArgs);
  const started = performance.now();
  const output = createOutput();
  // On a terminal the progress would overwrite what is told in between.
  const isHeld = progress && process.stdout.isTTY && process.stderr.isTTY;
  let told: Promise<unknown> = Promise.resolve();
  const location = parseLocation(archive, accessOfArgs(network));
  const verification = await verifyArchive(
    { location, parallel, signatures },
    {
      clients: createS3Clients(),
      progress: progress ? createProgress(process.stderr) : silentProgress,
      onProblem: (problem) => {
        if (json || isHeld) return;
        told = told.then(() => output.write(`${describeProblem(problem)}\n`));
        // Reported when the check is through.
        told.catch(() => {});
      },
    },
  );
  await told;
  const seconds = Math.round(performance.now() - started) / 1000;
  if (!json && isHeld) for (const problem of verification.problems) await output.write(`${describeProblem(problem)}\n`);
  await output.write(json ? toJson(verification, seconds) : describeVerification(verification, seconds));
  return isWell(verification) ? EXIT.done : EXIT.failed;
}

function isWell({ problems }: Verification): boolean {
  return problems.length === 0;
}

function describeProblem({ file, text }: Problem): string {
  return `${file}: ${text}`;
}

function describeVerification(verification: Verification, seconds: number): string {
  const { place, problems, more, notes, days, events, bytes, signatures } = verification;
  const lines = Object.entries(more).map(
    ([file, count]) => `${file}: and ${formatCount(count)} more (${TOLD_PER_FILE} are shown)`,
  );
  lines.push(...notes.map((note) => `note: ${note}`));
  const rate = seconds > 0 ? ` (${formatCount(events / seconds)} events/s)` : "";
  lines.push(
    `${formatCount(events)} events in ${formatCount(days.length)} daily files, ${formatBytes(bytes)}, checked in ${formatDuration(seconds * 1000)}${rate}`,
    `signatures: ${signatures ?? "not checked (--no-signatures)"}`,
  );
  if (isWell(verification)) lines.push(`all is well in ${place}`);
  else {
    const count = problems.length + Object.values(more).reduce((sum, n) => sum + n, 0);
    lines.push(
      `${formatCount(count)} ${count === 1 ? "problem" : "problems"} in ${place}. What can be set right: proton-beam repair`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function toJson(verification: Verification, seconds: number): string {
  const { place, problems, more, notes, days, events, bytes, signatures } = verification;
  const document = {
    archive: place,
    well: isWell(verification),
    problems,
    more,
    notes,
    events,
    days: days.length,
    bytes,
    signatures,
    seconds,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
