import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where what tests download and build once is kept, as `.ci/run` does. */
export function toolsFolder(): string {
  const path = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "proton-beam-tools");
  mkdirSync(path, { recursive: true });
  return path;
}

/** Runs a command to its end and gives what it printed. @throws {Error} with its errors when it fails or is not there */
export function runTool(command: string[], install: string): string {
  if (Bun.which(command[0]) === null) throw new Error(`${command[0]} is not installed: ${install}`);
  const { success, stdout, stderr } = Bun.spawnSync(command);
  if (!success) throw new Error(`${command.join(" ")} failed: ${stderr}`);
  return stdout.toString();
}
