import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { type ArchiveLocation, parseLocation } from "../archive/location.ts";
import { parseArgs } from "../args.ts";
import { EXIT, type ExitCode, ProtonBeamError } from "../errors.ts";
import { createS3Clients, type S3Access, type S3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { checkLocalArchive } from "./archive.ts";
import { checkBucket, checkWriting } from "./bucket.ts";
import { readCgroupLimits } from "./cgroup.ts";
import { type Check, type Finding, type Level, runChecks } from "./finding.ts";
import { checkFolder } from "./folder.ts";
import { checkBun, checkMemory, checkOpenFiles, checkProcessors, checkSqlite, checkSystem } from "./host.ts";
import { checkClock, checkCredentials, checkInput, checkInstance } from "./network.ts";
import { checkSignatures } from "./signatures.ts";

/** How much longer than failing requests are repeated a check may take. */
const GRACE_MS = 20_000;

const argsSchema = networkArgsSchema.extend({
  archive: z.string().min(1),
  input: z.string().min(1).optional(),
  write: z.boolean(),
  json: z.boolean(),
});
type DoctorArgs = z.infer<typeof argsSchema>;

/**
 * Runs `proton-beam doctor` with its arguments.
 * @throws {ProtonBeamError} usage: when the arguments are wrong
 */
export async function runDoctor(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  const access = accessOfArgs(args);
  const location = parseLocation(args.archive, access);
  if (args.write && location.kind !== "s3")
    throw new ProtonBeamError("--write is for an archive in S3: name one, as s3://bucket/prefix", EXIT.usage);
  const clients = createS3Clients();
  const checks = [...hostChecks(location), ...networkChecks(args, location, access, clients)];
  const findings = await runChecks(checks, access.link.retryMs + GRACE_MS);
  const isOk = findings.every(({ level }) => level !== "problem");
  process.stdout.write(args.json ? `${JSON.stringify({ ok: isOk, findings }, null, 2)}\n` : describeFindings(findings));
  return isOk ? EXIT.done : EXIT.failed;
}

function hostChecks(location: ArchiveLocation): Check[] {
  const limits = () => readCgroupLimits();
  return [
    { about: "system", run: checkSystem },
    { about: "bun", run: checkBun },
    { about: "processors", run: () => checkProcessors(limits()) },
    { about: "memory", run: () => checkMemory(limits()) },
    { about: "open files", run: checkOpenFiles },
    { about: "sqlite", run: checkSqlite },
    { about: "signatures", run: checkSignatures },
    { about: "temporary", run: () => checkFolder("temporary", tmpdir()) },
    { about: "work", run: () => checkFolder("work", resolve(location.kind === "local" ? location.folder : ".")) },
    { about: "instance", run: () => checkInstance(process.env) },
  ];
}

function networkChecks(args: DoctorArgs, location: ArchiveLocation, access: S3Access, clients: S3Clients): Check[] {
  const { input, write } = args;
  const checks: Check[] = [];
  const usesS3 = location.kind === "s3" || input?.startsWith("s3:") === true;
  const clock = usesS3 ? () => s3Url(access, clients) : httpUrl(input);
  if (clock !== null) checks.push({ about: "clock", run: async () => checkClock(await clock(), access.link.stallMs) });
  if (usesS3) checks.push({ about: "credentials", run: () => checkCredentials(access, clients) });
  if (location.kind === "local")
    checks.push({ about: "archive", run: () => checkLocalArchive(resolve(location.folder)) });
  else {
    checks.push({ about: "bucket", run: () => checkBucket(location.settings, clients) });
    if (write) checks.push({ about: "writing", run: () => checkWriting(location.settings, clients) });
  }
  if (input !== undefined) checks.push({ about: "input", run: () => checkInput(input, access, clients) });
  return checks;
}

function httpUrl(input: string | undefined): (() => string) | null {
  return input !== undefined && /^https?:/i.test(input) ? () => input : null;
}

/** Where S3 is asked, as far as the environment and the options say. */
async function s3Url(access: S3Access, clients: S3Clients): Promise<string> {
  const url = access.endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  return url ?? `https://s3.${await clients(access).config.region()}.amazonaws.com`;
}

const MARKS: Record<Level, string> = { ok: "ok", warning: "warning", problem: "PROBLEM" };

function describeFindings(findings: Finding[]): string {
  const width = Math.max(...findings.map(({ about }) => about.length));
  const lines = findings.flatMap(({ level, about, text, fix }) => {
    const line = `${MARKS[level].padEnd(MARKS.problem.length)}  ${about.padEnd(width)}  ${text}`;
    return fix === null ? [line] : [line, `${" ".repeat(MARKS.problem.length + width + 4)}→ ${fix}`];
  });
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length;
  const problems = count("problem");
  const verdict =
    problems > 0
      ? `${problems === 1 ? "1 problem" : `${problems} problems`} to be solved first`
      : count("warning") > 0
        ? "it can work; see the warnings"
        : "all is well";
  return `${lines.join("\n")}\n\n${verdict}\n`;
}
