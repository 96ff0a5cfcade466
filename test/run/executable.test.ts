import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { digests, makeDump, readManifest, temporaryFolder } from "./cli.ts";

const ROOT = join(import.meta.dir, "../..");
const LIBRARY = "/usr/lib/x86_64-linux-gnu/libsecp256k1.so.1";

/** Hides the host's libsecp256k1 from a command, in a mount namespace of its own. */
const hidden = ["unshare", "-m", "sh", "-c", `mount --bind /dev/null ${LIBRARY} && exec "$@"`, "sh"];
const canHide = existsSync(LIBRARY) && Bun.spawnSync([...hidden, "true"]).success;
if (!canHide) console.warn(`skipped: ${LIBRARY} is not there or cannot be hidden by this user`);

test("the compiled program needs no checkout and makes the same files", async () => {
  using folder = temporaryFolder();
  const executable = folder.join("proton-beam");
  const build = Bun.spawnSync([process.execPath, "run", join(ROOT, "scripts/build.ts"), executable]);
  expect(build.stderr.toString()).toBe("");
  const { path, expected } = await makeDump(folder.path, "dump.jsonl", { lines: 1000 });

  const convert = (name: string, prefix: string[], command: string[]) => {
    const args = ["convert", path, "-o", folder.join(name), "--validate-signatures", "--no-progress", "--json"];
    const { stdout, stderr, exitCode } = Bun.spawnSync([...prefix, ...command, ...args], { cwd: folder.path });
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
    return JSON.parse(stdout.toString());
  };
  const compiled = convert("compiled", [], [executable]);
  convert("source", [], [process.execPath, "run", join(ROOT, "cli/main.ts")]);
  expect(digests(folder.join("compiled"))).toEqual(digests(folder.join("source")));
  expect(compiled.counts.rejected).toEqual(expected.rejected);

  if (!canHide) return;
  // Without the native library signatures are checked all the same, by the WebAssembly in the executable.
  const wasm = convert("wasm", hidden, [executable]);
  expect(wasm.signatures).toContain("WebAssembly");
  expect(digests(folder.join("wasm"))).toEqual(digests(folder.join("source")));
  expect(readManifest(folder.join("wasm")).runs[0].counts).toEqual(compiled.counts);
}, 60_000);
