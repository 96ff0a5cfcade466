import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConvertSummary } from "../../cli/run/convert.ts";
import { type Manifest, manifestSchema } from "../../cli/run/manifest.ts";
import { type Expected, expectedPath, generateDump } from "../../scripts/generator/generate.ts";

const MAIN = join(import.meta.dir, "../../cli/main.ts");

/** Starts the program as a user does. */
export function startCli(
  args: string[],
  stdin: "ignore" | Blob | ReadableStream = "ignore",
  env: Record<string, string> = {},
) {
  return Bun.spawn([process.execPath, "run", MAIN, ...args], {
    stdin,
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
}

/** Runs the program to its end. */
export async function runCli(args: string[], stdin?: Blob | ReadableStream, env?: Record<string, string>) {
  const child = startCli(args, stdin, env);
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

/** Converts and gives the `--json` summary. @throws {Error} with the output when the exit code is not 0 */
export async function convertOk(
  args: string[],
  stdin?: Blob | ReadableStream,
  env?: Record<string, string>,
): Promise<ConvertSummary> {
  const { stdout, stderr, exitCode } = await runCli(["convert", "--json", "--no-progress", ...args], stdin, env);
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`);
  return JSON.parse(stdout);
}

/** A folder that `dispose` removes. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), "proton-beam-test-"));
  return {
    path,
    join: (...parts: string[]) => join(path, ...parts),
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

export interface Dump {
  path: string;
  expected: Expected;
}

/** A generated dump in `folder`; about 1.7 MB a thousand lines. */
export async function makeDump(folder: string, name: string, settings: Partial<Expected["settings"]>): Promise<Dump> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  const expected = await generateDump(
    path,
    { seed: name, lines: 3000, days: 5, duplicates: 0.1, invalid: 0.05, ...settings },
    2,
  );
  if (!readdirSync(folder).includes(`${name}.expected.json`)) throw new Error(`no ${expectedPath(path)}`);
  return { path, expected };
}

export function readManifest(archive: string): Manifest {
  return manifestSchema.parse(JSON.parse(readFileSync(join(archive, "manifest.json"), "utf8")));
}

/** SHA-256 of every file of an archive that must not depend on how it was made. */
export function digests(archive: string): Record<string, string> {
  const names = readdirSync(archive).filter((name) => name.endsWith(".pb.gz") || name === "rejected.jsonl.gz");
  return Object.fromEntries(
    names
      .sort()
      .map((name) => [name, new Bun.CryptoHasher("sha256").update(readFileSync(join(archive, name))).digest("hex")]),
  );
}
