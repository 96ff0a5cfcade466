import { Database } from "bun:sqlite";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { decodeEvent } from "../../cli/event/decode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { readVarint, varintSize } from "../../cli/event/varint.ts";

/** All events of an archive, in the order of its files. */
export function readArchive(archive: string): NostrEvent[] {
  return readdirSync(archive)
    .filter((name) => name.endsWith(".pb.gz"))
    .sort()
    .flatMap((name) => readDayFile(join(archive, name)));
}

/** The events of a daily file, read with node's gzip. */
export function readDayFile(path: string): NostrEvent[] {
  return splitDelimited(gunzipSync(readFileSync(path))).map(decodeEvent);
}

export function splitDelimited(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = readVarint(bytes, at);
    at += varintSize(length);
    records.push(bytes.subarray(at, at + length));
    at += length;
  }
  return records;
}

/** The rows of an index as text, with places in the files instead of row numbers; sorted. */
export function describeIndex(archive: string): string[] {
  return describe(
    archive,
    `SELECT hex(event.id) || ' ' || hex(pubkey.pubkey) || ' ' || created_at || ' ' || kind || ' ' || file.path || ' ' ||
            member.offset || '+' || member.length || ' ' || position AS row
     FROM event JOIN pubkey ON pubkey.id = event.pubkey JOIN member ON member.id = event.member
     JOIN file ON file.id = member.file ORDER BY row`,
  );
}

/** The names of the tags that an index looks up, and its tags with the ids of their events; sorted. */
export function describeTags(archive: string): string[] {
  return [
    ...describe(archive, "SELECT name AS row FROM indexed_tag ORDER BY row"),
    ...describe(
      archive,
      `SELECT tag.hash || ' ' || tag.created_at || ' ' || hex(event.id) AS row
       FROM tag JOIN event ON event.rowid = tag.event ORDER BY row`,
    ),
  ];
}

function describe(archive: string, query: string): string[] {
  const db = new Database(join(archive, "index.db"), { readonly: true });
  try {
    return db
      .query<{ row: string }, []>(query)
      .all()
      .map(({ row }) => row);
  } finally {
    db.close();
  }
}
