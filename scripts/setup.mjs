// Installs what package-lock.json names, when it is not installed yet, and builds the native library where there is a C compiler.
// Runs on Node alone, before there is a Bun.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const installed = join(root, "node_modules", ".package-lock.json");
const wanted = join(root, "package-lock.json");
const bun = join(root, "node_modules", ".bin", "bun");

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    console.error(`${[command, ...args].join(" ")} failed${error ? `: ${error.message}` : ""}`);
    process.exit(status ?? 1);
  }
}

function bunWorks() {
  return spawnSync(bun, ["--version"], { stdio: "ignore" }).status === 0;
}

const isOlder = (path, than) => !existsSync(path) || statSync(path).mtimeMs < statSync(than).mtimeMs;

if (isOlder(installed, wanted)) run("npm", ["ci"]);
// npm may be set not to run install scripts; Bun's only puts the binary of its platform package in place.
if (!bunWorks()) run(process.execPath, [join(root, "node_modules", "bun", "install.js")]);

// Signatures are checked without it too, more slowly: so it may fail, and `npm run build:native` says why.
const library = join(root, "dist", "schnorr-batch.so");
const source = join(root, "cli", "event", "signature", "schnorr-batch.c");
const builder = join(root, "scripts", "build-native.sh");
if ([source, builder, wanted].some((path) => isOlder(library, path))) spawnSync("sh", [builder], { stdio: "ignore" });
