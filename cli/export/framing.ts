import { compressBytes } from "./compress.ts";
import type { EncodedGroup } from "./encode.ts";
import type { Encoding } from "./encoding.ts";
import { PARQUET_MAGIC, parquetFooter, placeRowGroups, type RowGroups } from "./parquet.ts";

/** Makes one file of encoded groups. */
export interface Framing {
  begin(): Uint8Array;
  add(group: EncodedGroup): Uint8Array;
  end(): Uint8Array;
}

export function createFraming({ format, compress }: Encoding): Framing {
  let size = 0;
  const counted = (bytes: Uint8Array) => {
    size += bytes.length;
    return bytes;
  };
  if (format === "parquet") {
    const rowGroups: RowGroups = [];
    return {
      begin: () => counted(PARQUET_MAGIC),
      add: (group) => {
        rowGroups.push(...placeRowGroups(group.rowGroups, size));
        return counted(group.bytes);
      },
      end: () => parquetFooter(rowGroups),
    };
  }
  return {
    begin: () => new Uint8Array(),
    add: ({ bytes }) => counted(bytes),
    // No bytes at all are no gzip and no zstd.
    end: () => (size === 0 ? compressBytes(new Uint8Array(), compress) : new Uint8Array()),
  };
}
