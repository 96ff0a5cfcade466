import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import type { NostrEvent } from "../event/event.ts";
import { compressBytes } from "./compress.ts";
import type { Encoding } from "./encoding.ts";

/** Where the columns of a row group are in the file, and what statistics are kept of them. */
export type RowGroups = ParquetWriter["row_groups"];

export const PARQUET_MAGIC = Buffer.from("PAR1");

interface Column extends Omit<ColumnSource, "data"> {
  values(events: NostrEvent[]): ColumnSource["data"];
}

// Names and values are those of NIP-01. Readers skip row groups by the statistics of created_at and kind.
const COLUMNS: Column[] = [
  text("id", (event) => event.id, "PLAIN"),
  text("pubkey", (event) => event.pubkey),
  {
    name: "created_at",
    type: "INT64",
    encoding: "DELTA_BINARY_PACKED",
    values: (events) => BigInt64Array.from(events, ({ created_at }) => BigInt(created_at)),
  },
  { name: "kind", type: "INT32", values: (events) => Int32Array.from(events, ({ kind }) => kind) },
  {
    name: "tags",
    type: "JSON",
    encoding: "PLAIN",
    statistics: false,
    values: (events) => events.map(({ tags }) => tags),
  },
  text("content", (event) => event.content, "PLAIN"),
  text("sig", (event) => event.sig, "PLAIN"),
];

function text(name: string, textOf: (event: NostrEvent) => string, encoding?: "PLAIN"): Column {
  return { name, type: "STRING", encoding, statistics: false, values: (events) => events.map(textOf) };
}

const SCHEMA = schemaFromColumnData({
  columnData: COLUMNS.map(({ name, type }) => ({ name, type, nullable: false, data: [] })),
});

const CODECS = { none: "UNCOMPRESSED", gzip: "GZIP", zstd: "ZSTD" } as const;

/** Events as one row group, whose offsets are those in a file that has nothing but it. */
export function encodeRowGroup(
  events: NostrEvent[],
  compress: Encoding["compress"],
): { bytes: Uint8Array; rowGroups: RowGroups } {
  const writer = new ByteWriter();
  const compressor = (bytes: Uint8Array) => compressBytes(new Uint8Array(bytes), compress);
  const parquet = new ParquetWriter({
    writer,
    schema: SCHEMA,
    codec: CODECS[compress],
    compressors: compress === "none" ? {} : { [CODECS[compress]]: compressor },
  });
  const columnData = COLUMNS.map(({ values, ...column }) => ({ ...column, offsetIndex: false, data: values(events) }));
  parquet.write({ columnData, rowGroupSize: events.length });
  return { bytes: writer.getBytes().slice(PARQUET_MAGIC.length), rowGroups: parquet.row_groups };
}

/** The row groups, placed in a file where they begin at `offset`. */
export function placeRowGroups(rowGroups: RowGroups, offset: number): RowGroups {
  const by = BigInt(offset - PARQUET_MAGIC.length);
  const moved = (at: bigint | undefined) => (at === undefined ? undefined : at + by);
  return rowGroups.map((group) => ({
    ...group,
    columns: group.columns.map(({ meta_data, ...column }) => ({
      ...column,
      file_offset: column.file_offset + by,
      meta_data: meta_data && {
        ...meta_data,
        data_page_offset: meta_data.data_page_offset + by,
        dictionary_page_offset: moved(meta_data.dictionary_page_offset),
      },
    })),
  }));
}

/** What a Parquet file ends with: the places of its row groups, and its magic. */
export function parquetFooter(rowGroups: RowGroups): Uint8Array {
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({ writer, schema: SCHEMA, createdBy: "proton-beam" });
  parquet.row_groups = rowGroups;
  parquet.num_rows = rowGroups.reduce((sum, { num_rows }) => sum + num_rows, 0n);
  parquet.finish();
  return writer.getBytes().slice(PARQUET_MAGIC.length);
}
