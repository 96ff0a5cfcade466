import { z } from "zod";
import { EXIT, ProtonBeamError } from "../errors.ts";
import { inTime, type Link } from "../net/link.ts";
import { withRetries } from "../net/retry.ts";
import { mayPass, probeHttp } from "./http.ts";
import { DUMP_FILE } from "./inputs.ts";
import type { PublishedChecksum, Source } from "./source.ts";

/** An archive.org item, or a file within it. */
export interface ArchiveAddress {
  origin: string;
  item: string;
  file: string | null;
}

/** What is used of an item's metadata (archive.org, "Item Metadata API"). */
const metadataSchema = z.object({
  files: z.array(z.object({ name: z.string(), md5: z.string().optional(), sha1: z.string().optional() })),
});

/** The address that an archive.org page or download link names; null for all other URLs. */
export function parseArchiveUrl(url: string): ArchiveAddress | null {
  const { protocol, hostname, host, pathname } = new URL(url);
  if (hostname !== "archive.org" && hostname !== "www.archive.org") return null;
  const match = /^\/(?:details|download)\/([^/]+)(?:\/(.+))?$/.exec(pathname.replace(/\/+$/, ""));
  if (match === null) return null;
  return {
    origin: `${protocol}//${host}`,
    item: decodeURIComponent(match[1]),
    file: match[2] === undefined ? null : decodeURIComponent(match[2]),
  };
}

/**
 * The dumps of an item, sorted by name, or the one file that is named.
 * @throws {ProtonBeamError} when there is no such item or file, or no dump in it
 */
export async function findArchived({ origin, item, file }: ArchiveAddress, link: Link): Promise<Source[]> {
  const files = await readMetadata(`${origin}/metadata/${encodeURIComponent(item)}`, item, link);
  const wanted = files.filter(({ name }) => (file === null ? DUMP_FILE.test(name) : name === file));
  if (wanted.length === 0) {
    const what = file === null ? "no .jsonl or .ndjson file, plain or compressed" : `no file ${file}`;
    const names = files.map(({ name }) => name).join(", ");
    throw new ProtonBeamError(
      `the archive.org item ${item} holds ${what}. It holds: ${names || "nothing"}`,
      EXIT.usage,
    );
  }
  wanted.sort((a, b) => (a.name < b.name ? -1 : 1));
  return Promise.all(
    wanted.map(({ name, md5, sha1 }) => {
      const path = [item, ...name.split("/")].map(encodeURIComponent).join("/");
      return probeHttp(`${origin}/download/${path}`, link, checksumOf(md5, sha1));
    }),
  );
}

function checksumOf(md5: string | undefined, sha1: string | undefined): PublishedChecksum | null {
  if (sha1 !== undefined) return { algorithm: "sha1", hex: sha1 };
  return md5 === undefined ? null : { algorithm: "md5", hex: md5 };
}

async function readMetadata(url: string, item: string, link: Link) {
  return withRetries(link, `reading ${url}`, mayPass, async () => {
    const response = await inTime(fetch(url), link.stallMs);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const body: unknown = await inTime(response.json(), link.stallMs);
    const metadata = metadataSchema.safeParse(body);
    // For an item that does not exist the answer is an empty object.
    if (!metadata.success) throw new ProtonBeamError(`archive.org knows no item ${item}`, EXIT.usage);
    return metadata.data.files;
  });
}
