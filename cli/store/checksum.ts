import { readBlocks } from "./blocks.ts";

/** The hash of a file of any size, in hex. */
export function hashOfFile(path: string, algorithm: "sha256" | "sha1" | "md5"): string {
  const hash = new Bun.CryptoHasher(algorithm);
  for (const block of readBlocks(path)) hash.update(block);
  return hash.digest("hex");
}

/** SHA-256 of a file of any size, in hex. */
export function sha256OfFile(path: string): string {
  return hashOfFile(path, "sha256");
}
