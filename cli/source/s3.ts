import { EXIT, ProtonBeamError } from "../errors.ts";
import { bodyOf, explained, isConflict, isMissing, readSmall, type S3Access, type S3Clients } from "../net/s3.ts";
import type { S3Address } from "../net/s3-url.ts";
import { clientS3 } from "../net/sdk.ts";
import type { Transfer } from "../net/transfer.ts";
import { detectCompression, MAGIC_BYTES } from "./compression.ts";
import { changedSource } from "./file.ts";
import { DUMP_FILE, type Input } from "./inputs.ts";
import type { Location, PublishedChecksum, Source } from "./source.ts";

/**
 * The objects that `s3://bucket/key` or `s3://bucket/prefix/` names; of a prefix all dumps, sorted by key.
 * @throws {ProtonBeamError} usage: when a prefix holds no dump
 */
export async function findObjects(address: S3Address, access: S3Access, clients: S3Clients): Promise<Source[]> {
  const isPrefix = address.key === "" || address.key.endsWith("/");
  const keys = isPrefix ? await listDumps(address, access, clients) : [address.key];
  if (keys.length === 0)
    throw new ProtonBeamError(`${nameOf(address)} holds no .jsonl or .ndjson object, plain or compressed`, EXIT.usage);
  return Promise.all(keys.map((key) => probeObject({ ...address, key }, access, clients)));
}

async function listDumps({ bucket, key }: S3Address, access: S3Access, clients: S3Clients): Promise<string[]> {
  const { ListObjectsV2Command } = clientS3();
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const page = await explained(`listing ${nameOf({ bucket, key })}`, access, () =>
      clients(access).send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: key, ContinuationToken: token, ...payer(access) }),
      ),
    );
    for (const { Key = "" } of page.Contents ?? []) if (DUMP_FILE.test(Key)) keys.push(Key);
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return keys.sort();
}

async function probeObject(address: S3Address, access: S3Access, clients: S3Clients): Promise<Source> {
  const { GetObjectCommand } = clientS3();
  const name = nameOf(address);
  const get = (range: { Range?: string }) =>
    clients(access).send(
      new GetObjectCommand({ Bucket: address.bucket, Key: address.key, ...range, ...payer(access) }),
    );
  const read = await readSmall(`reading ${name}`, access, () =>
    // An empty object has no range.
    get({ Range: `bytes=0-${MAGIC_BYTES - 1}` }).catch((error: unknown) => {
      if (error instanceof Error && error.name === "InvalidRange") return get({});
      throw error;
    }),
  );
  if (read === null) throw new ProtonBeamError(`${name} does not exist. Check the key.`);
  const { answer, bytes } = read;
  const size = Number(answer.ContentRange?.split("/")[1] ?? answer.ContentLength ?? 0);
  const etag = answer.ETag ?? null;
  const input = {
    name,
    size,
    modified: answer.LastModified?.getTime() ?? null,
    etag,
    compression: detectCompression(bytes),
  };
  return {
    input,
    location: { kind: "s3", ...address, access },
    checksum: md5OfEtag(etag, answer.ServerSideEncryption),
  };
}

/**
 * The bytes of an object from `from` up to `to`.
 * @throws {ProtonBeamError} when the object is no longer the one that was planned
 */
export async function openObject(
  input: Input,
  { bucket, key, access }: Location & { kind: "s3" },
  from: number,
  to: number,
  clients: S3Clients,
): Promise<Transfer> {
  const { GetObjectCommand } = clientS3();
  const controller = new AbortController();
  const command = new GetObjectCommand({
    Bucket: bucket,
    Key: key,
    Range: `bytes=${from}-${to - 1}`,
    ...(input.etag === null ? {} : { IfMatch: input.etag }),
    ...payer(access),
  });
  const answer = await explained(`reading ${input.name}`, access, async () => {
    try {
      return await clients(access).send(command, { abortSignal: controller.signal });
    } catch (error) {
      if (isConflict(error) || isMissing(error)) throw changedSource(input.name);
      throw error;
    }
  });
  const { Body, ETag } = answer;
  if (input.etag !== null && ETag !== undefined && ETag !== input.etag)
    throw changedSource(input.name, ` (ETag ${input.etag} became ${ETag})`);
  if (Body === undefined) throw new Error(`${input.name}: the answer has no body`);
  return { body: bodyOf(Body), abort: () => controller.abort() };
}

/** @throws {ProtonBeamError} when the object is no longer the one that was planned */
export async function assertObjectUnchanged(
  input: Input,
  location: Location & { kind: "s3" },
  clients: S3Clients,
): Promise<void> {
  const now = await probeObject(location, location.access, clients);
  if (now.input.etag !== input.etag || now.input.size !== input.size)
    throw changedSource(input.name, ` (ETag ${input.etag} became ${now.input.etag})`);
}

function nameOf({ bucket, key }: S3Address): string {
  return `s3://${bucket}/${key}`;
}

function payer({ requestPayer }: S3Access): { RequestPayer?: "requester" } {
  return requestPayer ? { RequestPayer: "requester" } : {};
}

/** The ETag of an object that was put in one piece and is not encrypted by KMS is its MD5 (S3 API, "Object"). */
function md5OfEtag(etag: string | null, encryption: string | undefined): PublishedChecksum | null {
  const hex = /^"([0-9a-f]{32})"$/.exec(etag ?? "")?.[1];
  return hex === undefined || encryption?.startsWith("aws:kms") ? null : { algorithm: "md5", hex };
}
