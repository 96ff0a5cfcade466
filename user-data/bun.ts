import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const sha512 = z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/);
const release = z.object({ version: z.string(), integrity: sha512 });
const lockSchema = z.object({
  packages: z.object({
    "node_modules/bun": z.object({ version: z.string() }),
    "node_modules/@oven/bun-linux-x64": release,
    "node_modules/@oven/bun-linux-aarch64": release,
  }),
});

/** The Bun that machines install: the npm packages with its executables. */
export interface BunRelease {
  version: string;
  /** Where the npm scope `@oven` is: `URL/bun-linux-x64/-/bun-linux-x64-VERSION.tgz` is the package. */
  url: string;
  /** SHA-512 of the packages, hexadecimal. */
  sha512: { x64: string; aarch64: string };
}

/** The release that package-lock.json pins. @throws {ZodError} when the lock file holds no such packages */
export function pinnedBun(url = "https://registry.npmjs.org/@oven"): BunRelease {
  const { packages } = lockSchema.parse(
    JSON.parse(readFileSync(join(import.meta.dir, "../package-lock.json"), "utf8")),
  );
  const hex = (integrity: string) => Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex");
  return {
    version: packages["node_modules/bun"].version,
    url,
    sha512: {
      x64: hex(packages["node_modules/@oven/bun-linux-x64"].integrity),
      aarch64: hex(packages["node_modules/@oven/bun-linux-aarch64"].integrity),
    },
  };
}
