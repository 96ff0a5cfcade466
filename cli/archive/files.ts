import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { ProtonBeamError } from "../errors.ts";
import type { S3Clients } from "../net/s3.ts";
import { createBucket } from "../store/bucket.ts";
import type { ArchiveLocation } from "./location.ts";

const STREAM_BYTES = 1024 ** 2;

/** The files of an archive, wherever it is. All methods throw {@link ProtonBeamError}, or the system's error for a local file. */
export interface ArchiveFiles {
  /** The place of a file, or with "" of the archive, for messages. */
  place(path: string): string;
  /** Names and sizes of the files at the top. */
  list(): Promise<{ path: string; size: number }[]>;
  /** Size of a file and what tells its versions apart; null when there is none. */
  stat(path: string): Promise<{ size: number; version: string } | null>;
  readText(path: string): Promise<string | null>;
  /** The bytes of a file from `offset` on: one ranged read. @throws {ProtonBeamError} when the file ends before `length` bytes */
  read(path: string, offset: number, length: number): Promise<Buffer>;
  /** The bytes of a file between `from` and `to` as they come. A piece is valid until the next one is taken. */
  stream(path: string, from: number, to: number): AsyncIterable<Uint8Array>;
}

export function openFiles(location: ArchiveLocation, clients: S3Clients): ArchiveFiles {
  if (location.kind === "local") return localFiles(location.folder);
  const bucket = createBucket(location.settings, clients);
  return {
    place: bucket.url,
    list: async () => {
      const found: { path: string; size: number }[] = [];
      for await (const { key, size } of bucket.list("", "/")) found.push({ path: key, size });
      return found;
    },
    stat: async (path) => {
      const info = await bucket.head(path);
      return info === null ? null : { size: info.size, version: info.etag };
    },
    readText: async (path) => (await bucket.readText(path))?.text ?? null,
    read: bucket.read,
    stream: bucket.stream,
  };
}

function localFiles(folder: string): ArchiveFiles {
  const stream = async function* (path: string, from: number, to: number): AsyncGenerator<Uint8Array> {
    const file = await open(join(folder, path));
    try {
      const block = Buffer.allocUnsafe(Math.min(STREAM_BYTES, to - from));
      for (let at = from; at < to; ) {
        const { bytesRead } = await file.read(block, 0, Math.min(block.length, to - at), at);
        if (bytesRead === 0) throw endsEarly(join(folder, path), to);
        at += bytesRead;
        yield block.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  };
  return {
    place: (path) => join(folder, path),
    list: async () =>
      readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isFile() || entry.isSymbolicLink())
        .map(({ name }) => ({ path: name, size: statSync(join(folder, name)).size })),
    stat: async (path) => {
      if (!existsSync(join(folder, path))) return null;
      const { size, mtimeMs } = statSync(join(folder, path));
      return { size, version: `${size}-${mtimeMs}` };
    },
    readText: async (path) => (existsSync(join(folder, path)) ? readFileSync(join(folder, path), "utf8") : null),
    read: async (path, offset, length) => {
      const file = await open(join(folder, path));
      try {
        const bytes = Buffer.allocUnsafe(length);
        for (let at = 0; at < length; ) {
          const { bytesRead } = await file.read(bytes, at, length - at, offset + at);
          if (bytesRead === 0) throw endsEarly(join(folder, path), offset + length);
          at += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    },
    stream,
  };
}

function endsEarly(path: string, byte: number): ProtonBeamError {
  return new ProtonBeamError(
    `${path} ends before byte ${byte}: it is cut short, or the index is not of this file. Check with verify.`,
  );
}
