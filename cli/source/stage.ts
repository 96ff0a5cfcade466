import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { ProtonBeamError } from "../errors.ts";
import type { S3Clients } from "../net/s3.ts";
import { renameDurably, writeAtomically } from "../store/atomic.ts";
import { writeAll } from "../store/blocks.ts";
import { hashOfFile, sha256OfFile } from "../store/checksum.ts";
import { fileSource } from "./local.ts";
import { readRange } from "./read.ts";
import type { Source } from "./source.ts";

/**
 * Downloads a remote source into `folder`, or goes on with a download that was interrupted. A copy that is there is
 * used when its SHA-256 is still the one that was taken when it was complete.
 * @returns the source, to be read from the copy; a source that is no remote one as it is
 * @throws {ProtonBeamError} when the copy does not have the checksum that the source publishes
 */
export async function stageSource(
  source: Source,
  folder: string,
  clients: S3Clients,
  onProgress: (bytes: number) => void,
): Promise<Source> {
  const { input, location } = source;
  if (location.kind === "file" || location.kind === "stdin") return source;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, stagedName(source));
  const sidecar = `${path}.sha256`;
  if (!(existsSync(sidecar) && existsSync(path) && readFileSync(sidecar, "utf8").startsWith(sha256OfFile(path)))) {
    const part = `${path}.part`;
    // Without a size or an ETag nothing says that the rest belongs to what is there.
    if (input.size === null || (input.etag === null && input.modified === null)) rmSync(part, { force: true });
    await download(source, part, clients, onProgress);
    assertChecksum(source, part);
    writeAtomically(sidecar, (file) => file.write(Buffer.from(`${sha256OfFile(part)}  ${basename(path)}\n`)));
    renameDurably(part, path);
  }
  onProgress(statSync(path).size);
  return { ...source, location: fileSource(path).location };
}

async function download(
  source: Source,
  part: string,
  clients: S3Clients,
  onProgress: (bytes: number) => void,
): Promise<void> {
  const file = openSync(part, "a");
  try {
    let position = statSync(part).size;
    for await (const piece of readRange(source, position, source.input.size, clients)) {
      writeAll(file, piece);
      position += piece.length;
      onProgress(position);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Of what identifies the source, so that another version of it is another file. */
function stagedName({ input }: Source): string {
  const digest = new Bun.CryptoHasher("sha256").update(JSON.stringify(input)).digest("hex");
  return `${digest.slice(0, 12)}-${basename(input.name).replaceAll(/[^\w.-]/g, "_")}`;
}

function assertChecksum({ input, checksum }: Source, path: string): void {
  if (checksum === null || hashOfFile(path, checksum.algorithm) === checksum.hex) return;
  rmSync(path);
  throw new ProtonBeamError(
    `the copy of ${input.name} does not have the ${checksum.algorithm} that its source publishes; it was removed. ` +
      "Run the same command again to download it anew.",
  );
}
