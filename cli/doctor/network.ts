import { errorMessage } from "../errors.ts";
import { metadataEndpoint, readInstance } from "../net/imds.ts";
import { inTime } from "../net/link.ts";
import type { S3Access, S3Clients } from "../net/s3.ts";
import { formatBytes, formatCount, formatDuration } from "../report/format.ts";
import { findSources } from "../source/find.ts";
import { publicName } from "../source/http.ts";
import { hasIdentity } from "../source/inputs.ts";
import { isSeekable } from "../source/source.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** A clock may differ so much before it is worth a word, and before S3 refuses signatures ("Signing and authenticating REST requests"). */
const SKEW_MS = 5_000;
const MOST_SKEW_MS = 15 * 60_000;

/** Compares the clock with the `Date` (RFC 9110) of a server's answer, whatever its status. */
export async function checkClock(url: string, timeoutMs: number): Promise<Finding[]> {
  const before = Date.now();
  const { host } = new URL(url);
  let answer: Response;
  try {
    answer = await inTime(fetch(url, { method: "HEAD", redirect: "manual" }), timeoutMs);
  } catch (error) {
    return [
      problem(
        "clock",
        `${host} cannot be reached: ${errorMessage(error)}`,
        "Check the address, the network and the name server.",
      ),
    ];
  }
  const after = Date.now();
  const date = Date.parse(answer.headers.get("date") ?? "");
  if (Number.isNaN(date)) return [ok("clock", `${host} does not say what time it is`)];
  // The header has whole seconds: on average half of one has passed.
  const skew = (before + after) / 2 - (date + 500);
  const text = `${formatDuration(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} ${host}`;
  const fix = "Set the clock by NTP: timedatectl set-ntp true, or chronyc makestep.";
  if (Math.abs(skew) >= MOST_SKEW_MS)
    return [problem("clock", `${text}: S3 refuses signatures that are 15 minutes off`, fix)];
  if (Math.abs(skew) > SKEW_MS + (after - before)) return [warning("clock", text, fix)];
  return [ok("clock", `agrees with ${host}`)];
}

/** What the SDK calls the sources of its credential chain. It gives no name to the last, the instance's role. */
const SOURCES: Record<string, string> = {
  CREDENTIALS_ENV_VARS: "the environment",
  CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN: "a web identity token",
  CREDENTIALS_HTTP: "the container's credential service",
  CREDENTIALS_LOGIN: "a login",
  CREDENTIALS_PROCESS: "a process",
  CREDENTIALS_PROFILE: "a profile of the configuration files",
  CREDENTIALS_PROFILE_LOGIN: "a profile with a login",
  CREDENTIALS_PROFILE_NAMED_PROVIDER: "a profile with another source",
  CREDENTIALS_PROFILE_PROCESS: "a profile with a process",
  CREDENTIALS_PROFILE_SOURCE_PROFILE: "a profile with another profile",
  CREDENTIALS_PROFILE_SSO: "a profile of IAM Identity Center",
  CREDENTIALS_PROFILE_SSO_LEGACY: "a profile of IAM Identity Center",
  CREDENTIALS_PROFILE_STS_WEB_ID_TOKEN: "a profile with a web identity token",
  CREDENTIALS_SSO: "IAM Identity Center",
  CREDENTIALS_SSO_LEGACY: "IAM Identity Center",
  CREDENTIALS_STS_ASSUME_ROLE: "a role that was assumed",
  CREDENTIALS_STS_ASSUME_ROLE_WEB_ID: "a role of a web identity",
};

/** Which source of the standard chain gives credentials, until when, and the region. Nothing secret is shown. */
export async function checkCredentials(access: S3Access, clients: S3Clients): Promise<Finding[]> {
  const { config } = clients(access);
  const region = await config.region();
  if (access.anonymous) return [ok("credentials", `none, as asked for; region ${region}`)];
  try {
    const { expiration, sessionToken, $source } = { $source: {}, ...(await config.credentials()) };
    const source = Object.keys($source).map((name) => SOURCES[name] ?? name);
    const from = source.length === 0 ? "the instance's role" : source.join(", ");
    const kind = sessionToken === undefined ? "" : ", temporary";
    const until = expiration === undefined ? "" : ` until ${expiration.toISOString()}`;
    const findings = [ok("credentials", `from ${from}${kind}${until}; region ${region}`)];
    if (expiration !== undefined && expiration.getTime() < Date.now())
      findings.push(problem("credentials", "they have expired", "Get new ones from where they came."));
    return findings;
  } catch (error) {
    return [
      problem(
        "credentials",
        `none were found: ${errorMessage(error)}`,
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role; --no-sign-request for public buckets.",
      ),
    ];
  }
}

/** What there is at `--input`: that it can be reached, and whether it can be read in parts. */
export async function checkInput(input: string, access: S3Access, clients: S3Clients): Promise<Finding[]> {
  const name = /^https?:/i.test(input) ? publicName(input) : input;
  const sources = await findSources([input], access, clients);
  const sizes = sources.map(({ input: found }) => found.size);
  const known = sizes.every((size) => size !== null)
    ? formatBytes(sizes.reduce((sum, size) => sum + size, 0))
    : "size not known";
  const files = sources.length === 1 ? "1 file" : `${formatCount(sources.length)} files`;
  const findings = [ok("input", `${name}: ${files}, ${known}`)];
  const plain = sources.filter(({ input: found }) => found.compression === "none");
  if (plain.some((source) => source.location.kind === "http" && !isSeekable(source)))
    findings.push(
      warning(
        "input",
        "the server gives no ranges or no size",
        "It is read as one stream, and from its start again after an interruption: --stage downloads it first.",
      ),
    );
  if (plain.length < sources.length)
    findings.push(
      ok(
        "input",
        `${formatCount(sources.length - plain.length)} compressed: each is read as one stream, whatever the number of processors`,
      ),
    );
  if (sources.some((source) => source.location.kind === "http" && !hasIdentity(source.input)))
    findings.push(
      warning(
        "input",
        "the server says neither size nor ETag",
        "A run that was interrupted cannot tell whether it changed.",
      ),
    );
  return findings;
}

/** What EC2's metadata service says of this machine. */
export async function checkInstance(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const endpoint = metadataEndpoint(env);
  if (endpoint === null) return [ok("instance", "this is no EC2 instance")];
  try {
    const instance = await readInstance(endpoint);
    if (instance === null) return [warning("instance", "the metadata service does not say what it is", METADATA_FIX)];
    const { type, purchase, region } = instance;
    return [ok("instance", `${type}, ${purchase}, ${region}; the metadata service answers (IMDSv2)`)];
  } catch (error) {
    return [warning("instance", `the metadata service does not answer: ${errorMessage(error)}`, METADATA_FIX)];
  }
}

const METADATA_FIX =
  "Spot notices and the role's credentials come from it: enable it, and in a container raise its hop limit to 2 (aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2).";
