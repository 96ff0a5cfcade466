// Builds `dist/proton-beam.tar.gz`, or the file that is named: the program in a few files of JavaScript, which a machine compiles
// with `bun build --compile`, the C sources of its native library, and the scripts that install and run it there.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { sha256OfFile } from "../cli/store/checksum.ts";
import { buildOptions, root } from "./build-options.ts";

const MACHINE_FILES = [
  "user-data/install.sh",
  "user-data/service.sh",
  "user-data/proton-beam.service",
  "scripts/build-native.sh",
  "cli/event/signature/schnorr-batch.c",
];

/** libsecp256k1's own sources, in npm's package of the same name. */
const SECP256K1 = join(root, "node_modules/secp256k1/src/secp256k1");

export interface Bundle {
  path: string;
  /** Hexadecimal. */
  sha256: string;
}

/** Writes the bundle; the same sources give the same bytes. @throws {Error} when they do not build, or tar and gzip fail */
export async function buildBundle(outFile: string): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), "proton-beam-bundle-"));
  try {
    await Bun.build({ ...buildOptions, target: "bun", outdir: folder });
    for (const path of MACHINE_FILES) cpSync(join(root, path), join(folder, basename(path)));
    for (const path of secp256k1Files()) cpSync(join(SECP256K1, path), join(folder, "secp256k1", path));
    mkdirSync(dirname(outFile), { recursive: true });
    const names = readdirSync(folder).sort();
    const fixed = [
      "--format=ustar",
      "--mtime=@0",
      "--mode=a=rX,u+w",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--sort=name",
    ];
    const tar = Bun.spawnSync(["tar", "--create", ...fixed, "-C", folder, ...names]);
    if (!tar.success) throw new Error(`tar failed: ${tar.stderr}`);
    const gzip = Bun.spawnSync(["gzip", "--best", "--no-name"], { stdin: tar.stdout });
    if (!gzip.success) throw new Error(`gzip failed: ${gzip.stderr}`);
    await Bun.write(outFile, gzip.stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { path: outFile, sha256: sha256OfFile(outFile) };
}

/** What schnorr-batch.c includes, and the licence. */
function secp256k1Files(): string[] {
  const headers = ["include", "src"].flatMap((name) =>
    readdirSync(join(SECP256K1, name))
      .filter((file) => file.endsWith(".h"))
      .map((file) => join(name, file)),
  );
  return ["COPYING", "src/secp256k1.c", ...headers];
}

if (import.meta.main) {
  const { path, sha256 } = await buildBundle(process.argv[2] ?? join(root, "dist/proton-beam.tar.gz"));
  console.log(`${sha256}  ${path}`);
}
