import pkg from "../../package.json" with { type: "json" };
import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { inTime, type Link } from "../net/link.ts";
import { parseRetryAfter, TransientError, withRetries } from "../net/retry.ts";
import type { Transfer } from "../net/transfer.ts";
import { detectCompression, MAGIC_BYTES } from "./compression.ts";
import { changedSource } from "./file.ts";
import type { Input } from "./inputs.ts";
import type { Location, PublishedChecksum, Source } from "./source.ts";

const TRANSIENT_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);
const SECRET_PARAMETER = /^(x-amz-|x-goog-|awsaccesskeyid$|signature$|sig$|token$|key-pair-id$|policy$)/i;

/** What an answer says of the resource. */
interface Validators {
  size: number | null;
  etag: string | null;
  modified: number | null;
}

/**
 * Looks at an HTTP resource: size, validators, compression, and whether it can be read by ranges (RFC 9110).
 * @throws {ProtonBeamError} when it cannot be had
 */
export async function probeHttp(url: string, link: Link, checksum: PublishedChecksum | null = null): Promise<Source> {
  const name = publicName(url);
  return withRetries(link, `reading ${name}`, mayPass, async () => {
    const { response, abort } = await request(url, { Range: `bytes=0-${MAGIC_BYTES - 1}` }, link);
    try {
      const isEmpty = response.status === 416 && response.headers.get("content-range")?.endsWith("/0");
      if (!isEmpty) assertGood(name, response);
      const head = isEmpty ? Buffer.alloc(0) : await readHead(response, link);
      const input = { name, ...validatorsOf(response), compression: detectCompression(head) };
      return { input, location: { kind: "http", url, ranges: response.status === 206, link }, checksum };
    } finally {
      abort();
    }
  });
}

/** All but what was found out about the source: it broke on the way. */
export function mayPass(error: unknown): boolean {
  return !(error instanceof ProtonBeamError);
}

/**
 * The bytes of a resource from `from` on, up to `to` where the server gives ranges.
 * @throws {ProtonBeamError} when the resource is no longer the one that was planned; {@link TransientError}
 */
export async function openHttp(
  input: Input,
  { url, link }: Location & { kind: "http" },
  from: number,
  to: number | null,
): Promise<Transfer> {
  const wantsRange = from > 0 || (to !== null && to !== input.size);
  const headers: Record<string, string> = wantsRange ? { Range: `bytes=${from}-${to === null ? "" : to - 1}` } : {};
  const pin = strongValidator(input);
  if (wantsRange && pin !== null) headers["If-Range"] = pin;
  const { response, abort } = await request(url, headers, link);
  try {
    if (response.status === 412 || response.status === 416) throw changedSource(input.name);
    assertGood(input.name, response);
    assertSame(input, validatorsOf(response));
    if (response.body === null) throw new TransientError("the answer has no body");
    if (response.status === 206) {
      const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
      if (Number(start) !== from) throw new TransientError(`asked for byte ${from}, the answer starts at ${start}`);
      return { body: response.body, abort };
    }
    if (from > 0 && pin === null && input.etag === null)
      throw new ProtonBeamError(
        `the transfer of ${input.name} broke off, and the server says nothing by which it could be taken up: ` +
          "neither ranges nor ETag nor Last-Modified. Run the same command again, or download the file first (--stage).",
        EXIT.resumable,
      );
    return { body: skip(response.body, from), abort };
  } catch (error) {
    abort();
    throw error;
  }
}

/** The URL without what gives access: passwords and signatures. */
export function publicName(url: string): string {
  const parsed = new URL(url);
  parsed.username = "";
  parsed.password = "";
  parsed.hash = "";
  if ([...parsed.searchParams.keys()].some((key) => SECRET_PARAMETER.test(key))) parsed.search = "";
  return parsed.href;
}

async function request(url: string, headers: Record<string, string>, link: Link) {
  const controller = new AbortController();
  const target = new URL(url);
  const { username, password } = target;
  target.username = "";
  target.password = "";
  const authorization: Record<string, string> =
    username === ""
      ? {}
      : { Authorization: `Basic ${btoa(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)}` };
  const options: BunFetchRequestInit = {
    headers: {
      "User-Agent": `${pkg.name}/${pkg.version}`,
      "Accept-Encoding": "identity",
      ...authorization,
      ...headers,
    },
    // The stored bytes are wanted: compression is told by content.
    decompress: false,
    signal: controller.signal,
  };
  const abort = () => controller.abort();
  try {
    return { response: await inTime(fetch(target.href, options), link.stallMs), abort };
  } catch (error) {
    abort();
    throw new TransientError(errorMessage(error));
  }
}

function assertGood(name: string, response: Response): void {
  const { status, headers } = response;
  if (status === 200 || status === 206) return;
  if (TRANSIENT_STATUS.has(status))
    throw new TransientError(`the server answered ${status}`, parseRetryAfter(headers.get("retry-after"), Date.now()));
  throw new ProtonBeamError(`${name}: the server answered ${status} ${response.statusText}. Check the address.`);
}

function validatorsOf({ status, headers }: Response): Validators {
  const number = (text: string | undefined | null) =>
    text !== undefined && text !== null && /^\d+$/.test(text) ? Number(text) : null;
  const modified = Date.parse(headers.get("last-modified") ?? "");
  return {
    size: status === 200 ? number(headers.get("content-length")) : number(headers.get("content-range")?.split("/")[1]),
    etag: headers.get("etag"),
    modified: Number.isNaN(modified) ? null : modified,
  };
}

/** What `If-Range` may carry: a strong ETag or a date. */
function strongValidator({ etag, modified }: Input): string | null {
  if (etag !== null && !etag.startsWith("W/")) return etag;
  return etag === null && modified !== null ? new Date(modified).toUTCString() : null;
}

/** @throws {ProtonBeamError} when the resource is no longer the one that was planned */
export async function assertHttpUnchanged(input: Input, { url, link }: Location & { kind: "http" }): Promise<void> {
  assertSame(input, (await probeHttp(url, link)).input);
}

function assertSame(input: Input, now: Validators): void {
  if (input.etag !== null && now.etag !== null && input.etag !== now.etag)
    throw changedSource(input.name, ` (ETag ${input.etag} became ${now.etag})`);
  if (input.size !== null && now.size !== null && input.size !== now.size)
    throw changedSource(input.name, ` (${input.size} bytes became ${now.size})`);
  if (input.etag === null && input.modified !== null && now.modified !== null && input.modified !== now.modified)
    throw changedSource(input.name);
}

async function readHead(response: Response, link: Link): Promise<Buffer> {
  let head = Buffer.alloc(0);
  const reader = response.body?.getReader();
  while (reader !== undefined && head.length < MAGIC_BYTES) {
    const next = await inTime(reader.read(), link.stallMs);
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* skip(body: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const piece of body) {
    if (left < piece.length) yield piece.subarray(left);
    left = Math.max(left - piece.length, 0);
  }
}
