import { EXIT, ProtonBeamError } from "../errors.ts";

export const FORMATS = ["jsonl", "parquet"] as const;
export const COMPRESSIONS = ["none", "gzip", "zstd"] as const;

/** What events are written as. In Parquet the pages of each column are compressed, else the whole file. */
export interface Encoding {
  format: (typeof FORMATS)[number];
  compress: (typeof COMPRESSIONS)[number];
}

const EXTENSIONS = { none: ".jsonl", gzip: ".jsonl.gz", zstd: ".jsonl.zst" } as const;

/** How the names of files of an encoding end. */
export function extensionOf({ format, compress }: Encoding): string {
  return format === "parquet" ? ".parquet" : EXTENSIONS[compress];
}

/**
 * What the options say, and where they say nothing the name of the output.
 * @param name null when there is no name that could tell
 * @throws {ProtonBeamError} usage: when name and options contradict each other
 */
export function chooseEncoding(name: string | null, wanted: Partial<Encoding>, otherwise: "none" | "gzip"): Encoding {
  const named = name === null ? {} : encodingOfName(name);
  for (const key of ["format", "compress"] as const)
    if (wanted[key] !== undefined && named[key] !== undefined && wanted[key] !== named[key])
      throw new ProtonBeamError(
        `--${key} ${wanted[key]} contradicts the name ${name}. Leave the option out, or choose another name.`,
        EXIT.usage,
      );
  const format = wanted.format ?? named.format ?? "jsonl";
  return { format, compress: wanted.compress ?? named.compress ?? (format === "parquet" ? "zstd" : otherwise) };
}

function encodingOfName(name: string): Partial<Encoding> {
  const lower = name.toLowerCase();
  if (lower.endsWith(".parquet")) return { format: "parquet" };
  if (lower.endsWith(".gz")) return { format: "jsonl", compress: "gzip" };
  if (lower.endsWith(".zst")) return { format: "jsonl", compress: "zstd" };
  if (lower.endsWith(".jsonl") || lower.endsWith(".ndjson")) return { format: "jsonl", compress: "none" };
  return {};
}
