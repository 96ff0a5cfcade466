import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BunPlugin } from "bun";

export const root = join(import.meta.dir, "..");

/** tiny-secp256k1 reads its .wasm from beside itself at run time; once bundled it must be in the code. */
const inlineWasm: BunPlugin = {
  name: "inline-wasm",
  setup: (build) => {
    build.onLoad({ filter: /tiny-secp256k1\/lib\/wasm_loader\.js$/ }, ({ path }) => {
      const read = 'readFileSync(path("secp256k1.wasm"))';
      const source = readFileSync(path, "utf8");
      if (!source.includes(read)) throw new Error(`${path} no longer has ${read}: adapt scripts/build-options.ts`);
      const wasm = readFileSync(path.replace("wasm_loader.js", "secp256k1.wasm")).toString("base64");
      return { loader: "js", contents: source.replace(read, `Buffer.from("${wasm}", "base64")`) };
    });
  },
};

/** The modules of worker threads. */
const WORKERS = [
  "cli/run/worker.ts",
  "cli/report/report-worker.ts",
  "cli/export/export-worker.ts",
  "cli/query/query-worker.ts",
  "cli/verify/verify-worker.ts",
  "cli/repair/repair-worker.ts",
];

/** What all builds of the program have in common. */
export const buildOptions = {
  entrypoints: [join(root, "cli/main.ts"), ...WORKERS.map((path) => join(root, path))],
  // All in one folder, where `new URL("./worker.ts", import.meta.url)` finds a worker: their names must differ.
  naming: { entry: "[name].[ext]" },
  minify: true,
  plugins: [inlineWasm],
};
