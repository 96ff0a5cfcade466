import { constants, zstdCompressSync } from "node:zlib";
import type { Encoding } from "./encoding.ts";

const GZIP_LEVEL = 6;
const ZSTD_LEVEL = 3;

/** One gzip member or zstd frame; laid end to end they are one stream. Each carries a checksum. */
export function compressBytes(bytes: Uint8Array<ArrayBuffer>, compress: Encoding["compress"]): Uint8Array {
  if (compress === "gzip") return Bun.gzipSync(bytes, { level: GZIP_LEVEL, library: "libdeflate" });
  if (compress === "zstd") return zstdCompressSync(bytes, { params: ZSTD_PARAMS });
  return bytes;
}

const ZSTD_PARAMS = {
  [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL,
  [constants.ZSTD_c_checksumFlag]: 1,
};
