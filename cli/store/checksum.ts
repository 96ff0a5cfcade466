import { readBlocks } from "./blocks.ts";

/** SHA-256 of a file of any size, in hex. */
export function sha256OfFile(path: string): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const block of readBlocks(path)) hash.update(block);
  return hash.digest("hex");
}
