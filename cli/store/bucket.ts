import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import type { PutObjectCommandInput, StorageClass } from "@aws-sdk/client-s3";
import { EXIT, ProtonBeamError } from "../errors.ts";
import { TransientError, withRetries } from "../net/retry.ts";
import {
  bodyOf,
  explained,
  isConflict,
  isMissing,
  isTransientS3,
  readSmall,
  type S3Access,
  type S3Clients,
} from "../net/s3.ts";
import { clientS3, libStorage } from "../net/sdk.ts";
import { countMoved } from "../net/traffic.ts";
import { readResumed } from "../net/transfer.ts";
import { writeAll } from "./blocks.ts";

const MIB = 1024 ** 2;
const PART_BYTES = 8 * MIB;
const MAX_PARTS = 9_500;
const PARTS_AT_ONCE = 4;
const COPY_LIMIT_BYTES = 5 * 1024 ** 3;
const COPY_PART_BYTES = 512 * MIB;
const DELETE_AT_ONCE = 1000;

/** A prefix of a bucket, and how objects are put there. Plain data, so that it can be handed to threads. */
export interface BucketSettings {
  bucket: string;
  /** Empty, or with a slash at its end. */
  prefix: string;
  access: S3Access;
  sse: "AES256" | "aws:kms" | null;
  kmsKeyId: string | null;
  /** Of finished outputs; what is only kept for a while is always in the standard class. */
  storageClass: string | null;
}

export interface ObjectInfo {
  key: string;
  size: number;
}

export interface UploadOptions {
  contentType: string;
  /** SHA-256 in hex that the file must have, and that is noted in the object's metadata; null for any. */
  sha256: string | null;
  /** Whether it is a finished output. */
  final: boolean;
}

/** When a small object is to be written: if there is none yet, or if it is still the one with this ETag. */
export type WriteCondition = { absent: true } | { etag: string };

/** The objects below a prefix. Keys are relative to it. All methods throw {@link ProtonBeamError}. */
export interface Bucket {
  url(key: string): string;
  /** @param delimiter leaves out the keys that have it after the prefix */
  list(prefix: string, delimiter?: string): AsyncGenerator<ObjectInfo>;
  /** Size, ETag and noted SHA-256 of an object, or null when there is none. */
  head(key: string): Promise<{ size: number; etag: string; sha256: string | null } | null>;
  readText(key: string): Promise<{ text: string; etag: string } | null>;
  /** The bytes of an object from `offset` on. */
  read(key: string, offset: number, length: number): Promise<Buffer>;
  /** The bytes of an object between `from` and `to` as they come. */
  stream(key: string, from: number, to: number): AsyncGenerator<Uint8Array>;
  /** Downloads an object as it is now: one that is replaced meanwhile is an error. */
  download(key: string, path: string): Promise<void>;
  /** Puts a small object. @returns its ETag, or null when the condition does not hold */
  putText(key: string, text: string, contentType: string, condition: WriteCondition | null): Promise<string | null>;
  /** Puts a file and makes sure that what is stored is what was read, and that this has the SHA-256 it should have. */
  upload(key: string, path: string, options: UploadOptions): Promise<void>;
  /** Copies within the bucket what `upload` put. */
  copy(from: string, to: string, options: UploadOptions): Promise<void>;
  remove(keys: string[]): Promise<void>;
  /** Aborts the multipart uploads that a dead process left, of keys that are ours. */
  abortUploads(isOurs: (key: string) => boolean): Promise<number>;
}

export function createBucket(settings: BucketSettings, clients: S3Clients): Bucket {
  const {
    AbortMultipartUploadCommand,
    CompleteMultipartUploadCommand,
    CopyObjectCommand,
    CreateMultipartUploadCommand,
    DeleteObjectsCommand,
    GetObjectCommand,
    HeadObjectCommand,
    ListMultipartUploadsCommand,
    ListObjectsV2Command,
    PutObjectCommand,
    UploadPartCopyCommand,
  } = clientS3();
  const { access, bucket: Bucket, prefix } = settings;
  const client = clients(access);
  const at = (key: string) => ({ Bucket, Key: prefix + key });
  const url = (key: string) => `s3://${Bucket}/${prefix}${key}`;
  const ask = <T>(what: string, key: string, request: () => Promise<T>) =>
    explained(`${what} ${url(key)}`, access, request);

  const encryption = {
    ...(settings.sse === null ? {} : { ServerSideEncryption: settings.sse }),
    ...(settings.kmsKeyId === null ? {} : { SSEKMSKeyId: settings.kmsKeyId }),
  };
  const attributes = ({ contentType, sha256, final }: UploadOptions) => ({
    ContentType: contentType,
    ...(sha256 === null ? {} : { Metadata: { sha256 } }),
    ...(final && settings.storageClass !== null ? { StorageClass: settings.storageClass as StorageClass } : {}),
    ...encryption,
  });

  const read = async function* (key: string, from: number, to: number, IfMatch?: string): AsyncGenerator<Uint8Array> {
    const openRange = async (start: number, end: number | null) => {
      const controller = new AbortController();
      const range = { Range: `bytes=${start}-${(end ?? to) - 1}` };
      const { Body } = await ask("reading", key, () =>
        client.send(new GetObjectCommand({ ...at(key), ...range, IfMatch }), { abortSignal: controller.signal }),
      ).catch((error: unknown) => {
        if (IfMatch === undefined || !(error instanceof ProtonBeamError) || !isConflict(error.cause)) throw error;
        throw new ProtonBeamError(
          `${url(key)} was replaced while it was read: run the same command again`,
          EXIT.failed,
        );
      });
      if (Body === undefined) throw new TransientError("the answer has no body");
      return { body: bodyOf(Body), abort: () => controller.abort() };
    };
    yield* readResumed(`reading ${url(key)}`, access.link, openRange, from, to);
  };

  const headObject = (key: string) =>
    client.send(new HeadObjectCommand({ ...at(key), ChecksumMode: "ENABLED" })).catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
  const head = async (key: string) => {
    const answer = await ask("reading", key, () => headObject(key));
    return answer === null
      ? null
      : {
          size: answer.ContentLength ?? 0,
          etag: answer.ETag ?? "",
          sha256: answer.Metadata?.sha256 ?? null,
        };
  };

  const readText = async (key: string) => {
    const stored = await readSmall(`reading ${url(key)}`, access, () => client.send(new GetObjectCommand(at(key))));
    return stored === null ? null : { text: Buffer.from(stored.bytes).toString(), etag: stored.answer.ETag ?? "" };
  };

  const sha256OfObject = async (key: string, size: number) => {
    const hash = new Bun.CryptoHasher("sha256");
    for await (const piece of read(key, 0, size)) hash.update(piece);
    return hash.digest("hex");
  };

  /** Compares what is stored with what was read; a server that gives no checksums is read back from. */
  const assertStored = async (key: string, read: ReadDigests) => {
    const stored = await headObject(key);
    if (stored === null) throw new TransientError(`${url(key)} is not there after it was put`);
    const whole = stored.ChecksumSHA256 === undefined && (await sha256OfObject(key, read.size)) === read.sha256;
    if (stored.ContentLength === read.size && (whole || stored.ChecksumSHA256 === read.storedChecksum)) return;
    throw new TransientError(
      `${url(key)} was stored with ${stored.ContentLength} bytes and SHA-256 ${stored.ChecksumSHA256}, ` +
        `but ${read.size} bytes with ${read.storedChecksum} were sent`,
    );
  };

  const uploadOnce = async (key: string, path: string, options: UploadOptions) => {
    const { size } = statSync(path);
    const partBytes = Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB);
    const digests = createDigests(partBytes);
    const isSmall = size <= partBytes;
    const params: PutObjectCommandInput = {
      ...at(key),
      ...attributes(options),
      ChecksumAlgorithm: "SHA256",
      Body: isSmall
        ? digests.pass(readFileSync(path))
        : Readable.from(passParts(path, partBytes, digests), { objectMode: false, highWaterMark: partBytes }),
    };
    const { Upload } = libStorage();
    const upload = new Upload({ client, params, partSize: partBytes, queueSize: PARTS_AT_ONCE });
    let sent = 0;
    upload.on("httpUploadProgress", ({ loaded = 0 }) => {
      countMoved(access.link.traffic, loaded - sent);
      sent = loaded;
    });
    await upload.done().catch((error: unknown) => {
      // The answer to the request that completed the upload was lost, and a repeated one finds no upload any more.
      if (!(error instanceof Error) || error.name !== "NoSuchUpload") throw error;
    });
    const read = digests.end();
    if (options.sha256 !== null && read.sha256 !== options.sha256)
      throw new ProtonBeamError(
        `${path} changed on the disk after it was written: it has SHA-256 ${read.sha256}, not ${options.sha256}. ` +
          "Check the disk, remove the .proton-beam folder and run the same command again.",
      );
    await assertStored(key, read);
  };

  const copyParts = async (from: string, to: string, size: number, options: UploadOptions) => {
    const created = await client.send(new CreateMultipartUploadCommand({ ...at(to), ...attributes(options) }));
    const upload = { ...at(to), UploadId: created.UploadId };
    const Parts: { ETag: string | undefined; PartNumber: number }[] = [];
    for (let start = 0; start < size; start += COPY_PART_BYTES) {
      const PartNumber = Parts.length + 1;
      const CopySourceRange = `bytes=${start}-${Math.min(start + COPY_PART_BYTES, size) - 1}`;
      const part = await client.send(
        new UploadPartCopyCommand({ ...upload, PartNumber, CopySource: copySource(from), CopySourceRange }),
      );
      Parts.push({ ETag: part.CopyPartResult?.ETag, PartNumber });
    }
    await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
  };
  const copySource = (key: string) => `${Bucket}/${(prefix + key).split("/").map(encodeURIComponent).join("/")}`;

  return {
    url,
    head,
    list: async function* (below, Delimiter) {
      let ContinuationToken: string | undefined;
      do {
        const page = await ask("listing", below, () =>
          client.send(new ListObjectsV2Command({ Bucket, Prefix: prefix + below, Delimiter, ContinuationToken })),
        );
        for (const { Key = "", Size = 0 } of page.Contents ?? []) yield { key: Key.slice(prefix.length), size: Size };
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
    },
    readText,
    read: async (key, offset, length) => {
      const bytes = Buffer.allocUnsafe(length);
      let filled = 0;
      for await (const piece of read(key, offset, offset + length)) {
        bytes.set(piece, filled);
        filled += piece.length;
      }
      return bytes;
    },
    stream: (key, from, to) => read(key, from, to),
    download: async (key, path) => {
      const info = await head(key);
      if (info === null) throw new ProtonBeamError(`${url(key)} is gone`, EXIT.failed);
      const file = openSync(path, "w");
      try {
        for await (const piece of read(key, 0, info.size, info.etag)) writeAll(file, piece);
      } finally {
        closeSync(file);
      }
    },
    putText: (key, text, contentType, condition) =>
      ask("writing", key, async () => {
        const conditions =
          condition === null ? {} : "etag" in condition ? { IfMatch: condition.etag } : { IfNoneMatch: "*" };
        const Body = Buffer.from(text);
        const put = new PutObjectCommand({
          ...at(key),
          ...attributes({ contentType, sha256: null, final: false }),
          ...conditions,
          Body,
          ChecksumAlgorithm: "SHA256",
        });
        try {
          return (await client.send(put)).ETag ?? "";
        } catch (error) {
          if (!isConflict(error) && !(condition !== null && isMissing(error))) throw error;
          // Repeated after its answer was lost, the request finds its own object.
          const current = await readText(key);
          return current?.text === text ? current.etag : null;
        }
      }),
    upload: (key, path, options) =>
      ask("writing", key, () =>
        withRetries(access.link, `writing ${url(key)}`, isTransientS3, () => uploadOnce(key, path, options)),
      ),
    copy: (from, to, options) =>
      ask("writing", to, async () => {
        const size = (await head(from))?.size;
        if (size === undefined) throw new ProtonBeamError(`${url(from)} is gone`);
        if (size > COPY_LIMIT_BYTES) await copyParts(from, to, size, options);
        else
          await client.send(
            new CopyObjectCommand({
              ...at(to),
              ...attributes(options),
              CopySource: copySource(from),
              MetadataDirective: "REPLACE",
            }),
          );
        countMoved(access.link.traffic, size);
        const copied = await head(to);
        if (copied?.size !== size || (options.sha256 !== null && copied.sha256 !== options.sha256))
          throw new ProtonBeamError(`${url(to)} is not the copy of ${url(from)} that was made`, EXIT.resumable);
      }),
    remove: async (keys) => {
      for (let start = 0; start < keys.length; start += DELETE_AT_ONCE) {
        const Objects = keys.slice(start, start + DELETE_AT_ONCE).map((key) => ({ Key: prefix + key }));
        const answer = await ask("removing below", "", () =>
          client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } })),
        );
        const failed = answer.Errors?.[0];
        if (failed !== undefined)
          throw new ProtonBeamError(`s3://${Bucket}/${failed.Key} could not be removed: ${failed.Message}`);
      }
    },
    abortUploads: async (isOurs) => {
      let aborted = 0;
      let KeyMarker: string | undefined;
      let UploadIdMarker: string | undefined;
      do {
        const page = await ask("listing uploads", "", () =>
          client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: prefix, KeyMarker, UploadIdMarker })),
        );
        for (const { Key = "", UploadId } of page.Uploads ?? []) {
          if (!isOurs(Key.slice(prefix.length))) continue;
          await ask("aborting", Key.slice(prefix.length), () =>
            client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })),
          );
          aborted++;
        }
        KeyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
        UploadIdMarker = page.NextUploadIdMarker;
      } while (KeyMarker !== undefined);
      return aborted;
    },
  };
}

/** What was read of a file while it was sent. */
interface ReadDigests {
  size: number;
  sha256: string;
  /** What S3 says of an object that holds these bytes: the SHA-256, or that of the parts' SHA-256s ("Checking object integrity"). */
  storedChecksum: string;
}

type Digests = ReturnType<typeof createDigests>;

/** Hashes bytes as they pass, whole and by part. */
function createDigests(partBytes: number) {
  const whole = new Bun.CryptoHasher("sha256");
  let part = new Bun.CryptoHasher("sha256");
  const parts: Buffer[] = [];
  let size = 0;
  let partSize = 0;
  const endPart = () => {
    parts.push(part.digest());
    part = new Bun.CryptoHasher("sha256");
    partSize = 0;
  };
  return {
    pass: (bytes: Buffer): Buffer => {
      whole.update(bytes);
      size += bytes.length;
      for (let at = 0; at < bytes.length; ) {
        const piece = bytes.subarray(at, at + partBytes - partSize);
        part.update(piece);
        partSize += piece.length;
        at += piece.length;
        if (partSize === partBytes) endPart();
      }
      return bytes;
    },
    end: (): ReadDigests => {
      if (partSize > 0) endPart();
      const sha256 = whole.digest();
      const ofParts = new Bun.CryptoHasher("sha256");
      for (const digest of parts) ofParts.update(digest);
      const isOnePart = size <= partBytes;
      return {
        size,
        sha256: sha256.toString("hex"),
        storedChecksum: isOnePart ? sha256.toString("base64") : `${ofParts.digest("base64")}-${parts.length}`,
      };
    },
  };
}

/** A file in blocks of a part each, so that the SDK need not put parts together. It holds on to them: each is its own. */
async function* passParts(path: string, partBytes: number, digests: Digests): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    for (let length = partBytes; length === partBytes; ) {
      const part = Buffer.allocUnsafe(partBytes);
      length = 0;
      for (let read = -1; read !== 0 && length < partBytes; length += read)
        read = (await file.read(part, length, partBytes - length)).bytesRead;
      if (length > 0) yield digests.pass(part.subarray(0, length));
    }
  } finally {
    await file.close();
  }
}
