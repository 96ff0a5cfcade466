import type { GetObjectCommandOutput, S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { inTime, type Link } from "./link.ts";
import { backoffDelay, gaveUp, TransientError, withRetries } from "./retry.ts";
import { clientS3 } from "./sdk.ts";
import { countRetry } from "./traffic.ts";

const CONNECT_MS = 10_000;
/** What a request may take beside the stall timeout, for its body to be sent: bytes per second. */
const SLOWEST_UPLOAD = 32 * 1024;
/** When the socket of a request that was given up is closed. */
const SOCKET_MS = 30 * 60_000;
const MAX_SOCKETS = 128;

/** How to reach S3. What is null is taken from the environment as by all AWS tools. */
export interface S3Access {
  region: string | null;
  endpoint: string | null;
  pathStyle: boolean;
  /** Send no signature: for public buckets. */
  anonymous: boolean;
  /** Agree to pay for requests and traffic. */
  requestPayer: boolean;
  link: Link;
}

/** Access with all that can be taken from the environment taken from there. */
export function environmentAccess(link: Link): S3Access {
  return { region: null, endpoint: null, pathStyle: false, anonymous: false, requestPayer: false, link };
}

/** Gives the same client for the same access. */
export type S3Clients = (access: S3Access) => S3Client;

export function createS3Clients(): S3Clients {
  const clients = new Map<string, S3Client>();
  return (access) => {
    // Each message to a worker brings another view of the same counters.
    const key = JSON.stringify(access, (name, value) => (name === "traffic" ? undefined : value));
    const client = clients.get(key) ?? createS3Client(access);
    clients.set(key, client);
    return client;
  };
}

/**
 * A client with the standard credential chain (environment, profile, container, IMDSv2 role). Failed requests are
 * repeated for the time budget of the link; a silent peer counts as failed.
 */
function createS3Client(access: S3Access): S3Client {
  const { region, endpoint, pathStyle, anonymous, link } = access;
  const { S3Client } = clientS3();
  const client = new S3Client({
    ...(region === null ? defaultRegion() : { region }),
    ...(endpoint === null ? {} : { endpoint }),
    forcePathStyle: pathStyle,
    followRegionRedirects: true,
    retryStrategy: createRetryStrategy(access),
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: SOCKET_MS,
      throwOnRequestTimeout: true,
      httpAgent: { maxSockets: MAX_SOCKETS },
      httpsAgent: { maxSockets: MAX_SOCKETS },
    },
    ...(anonymous ? { signer: { sign: async (request) => request }, credentials: NO_CREDENTIALS } : {}),
  });
  // The timeouts of the SDK end with the headers of the answer, and know nothing of the size of what is sent.
  client.middlewareStack.add(
    (next) => (args) => inTime(next(args), link.stallMs + (bodyBytes(args.request) / SLOWEST_UPLOAD) * 1000),
    { step: "finalizeRequest", priority: "low", name: "stallTimeout" },
  );
  return client;
}

function bodyBytes(request: unknown): number {
  if (typeof request !== "object" || request === null || !("body" in request)) return 0;
  return request.body instanceof Uint8Array ? request.body.length : 0;
}

const NO_CREDENTIALS = { accessKeyId: "", secretAccessKey: "" };

/** Without a region anywhere S3 is asked at us-east-1, which redirects to where the bucket is. */
function defaultRegion(): S3ClientConfig {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE, AWS_CONFIG_FILE } = process.env;
  if (AWS_REGION !== undefined || AWS_PROFILE !== undefined || AWS_CONFIG_FILE !== undefined) return {};
  return { region: AWS_DEFAULT_REGION ?? "us-east-1" };
}

/** Full jitter and a budget of time where the SDK has a number of attempts. */
function createRetryStrategy({ link }: S3Access): NonNullable<S3ClientConfig["retryStrategy"]> {
  const started = new WeakMap<object, number>();
  const createToken = (count: number, delay: number, since: number) => {
    const token = { getRetryCount: () => count, getRetryDelay: () => delay };
    started.set(token, since);
    return token;
  };
  return {
    acquireInitialRetryToken: async () => createToken(0, 0, performance.now()),
    refreshRetryTokenForRetry: async (token, { error, retryAfterHint }) => {
      const since = started.get(token) ?? performance.now();
      const hint = retryAfterHint === undefined ? 0 : retryAfterHint.getTime() - Date.now();
      const delay = Math.max(backoffDelay(token.getRetryCount()), hint);
      if (!isTransientS3(error) || performance.now() - since + delay > link.retryMs) throw error;
      countRetry(link.traffic);
      return createToken(token.getRetryCount() + 1, delay, since);
    },
    recordSuccess: () => {},
  };
}

const LOCAL_FAULTS = new Set(["CredentialsProviderError", "TypeError", "RangeError", "SyntaxError"]);
const TRANSIENT_NAMES = new Set([
  "BadDigest",
  "IncompleteBody",
  "InternalError",
  "OperationAborted",
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "SlowDown",
  "ThrottlingException",
  "XAmzContentChecksumMismatch",
  "XAmzContentSHA256Mismatch",
]);

/** Whether a failed request may succeed when repeated: throttling, server errors, and all that broke on the way. */
export function isTransientS3(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof ProtonBeamError) return false;
  if (error instanceof TransientError || TRANSIENT_NAMES.has(error.name)) return true;
  const status = statusOf(error);
  if (status === null) return !LOCAL_FAULTS.has(error.name) || "$response" in error;
  // A body that could not be read to its end is a strange answer, whatever its status.
  if (!(error instanceof clientS3().S3ServiceException)) return true;
  return status === 408 || status === 429 || status >= 500 || status < 300;
}

function statusOf(error: unknown): number | null {
  if (typeof error !== "object" || error === null || !("$metadata" in error)) return null;
  const { $metadata } = error;
  if (typeof $metadata !== "object" || $metadata === null || !("httpStatusCode" in $metadata)) return null;
  return typeof $metadata.httpStatusCode === "number" ? $metadata.httpStatusCode : null;
}

/** Does an S3 request and turns its failure into an error that says what to do. */
export async function explained<T>(what: string, access: S3Access, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw explain(what, access, error);
  }
}

/** The pieces of a body: on this runtime it is a stream of Node, which is read faster as such than as a web stream. */
export function bodyOf(body: NonNullable<GetObjectCommandOutput["Body"]>): AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in body ? body : body.transformToWebStream();
}

/**
 * The bytes of a small answer: read again when they do not come whole.
 * @returns null when there is no such object
 */
export function readSmall(
  what: string,
  access: S3Access,
  get: () => Promise<GetObjectCommandOutput>,
): Promise<{ bytes: Uint8Array; answer: GetObjectCommandOutput } | null> {
  return explained(what, access, () =>
    withRetries(access.link, what, isTransientS3, async () => {
      try {
        const answer = await get();
        const bytes =
          (await inTime(answer.Body?.transformToByteArray() ?? Promise.resolve(null), access.link.stallMs)) ??
          new Uint8Array();
        if (bytes.length === (answer.ContentLength ?? bytes.length)) return { bytes, answer };
        throw new TransientError(`${bytes.length} of ${answer.ContentLength} bytes came`);
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    }),
  );
}

function explain(what: string, { link }: S3Access, error: unknown): unknown {
  if (error instanceof ProtonBeamError || !(error instanceof Error)) return error;
  if (error.name === "CredentialsProviderError")
    return new ProtonBeamError(
      `${what}: no AWS credentials were found (${errorMessage(error)}). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ` +
        "or AWS_PROFILE, or give the machine a role; --no-sign-request reads public buckets.",
    );
  if (isTransientS3(error)) return gaveUp(what, link, error);
  const advice: Record<string, string> = {
    AccessDenied: "Check the permissions of these credentials for this bucket and key",
    NoSuchBucket: "Create the bucket first, or check its name and --region",
    NoSuchKey: "Check the key",
    NotFound: "Check bucket and key",
    PermanentRedirect: "Give the region of the bucket with --region",
  };
  const hint = advice[error.name] ?? (statusOf(error) === 403 ? advice.AccessDenied : undefined);
  return new ProtonBeamError(
    `${what}: ${error.name}: ${error.message}.${hint === undefined ? "" : ` ${hint}.`}`,
    EXIT.failed,
    { cause: error },
  );
}

/** Whether a request failed because there is no such object. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && (error.name === "NoSuchKey" || error.name === "NotFound");
}

/** Whether a conditional request failed because the object is not the one that was meant, or another writer was first. */
export function isConflict(error: unknown): boolean {
  return statusOf(error) === 412 || statusOf(error) === 409;
}
