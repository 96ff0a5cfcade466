import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A folder laid out as a mirror of the registry, where there is no way to it; see `.ci/run`. */
const MIRROR = process.env.PROTON_BEAM_PROVIDER_MIRROR;

/** Gives the environment of `terraform`, with settings of its own in `folder`, and nobody's credentials. */
export function terraformEnv(folder: string): Record<string, string> {
  mkdirSync(folder, { recursive: true });
  const settings = join(folder, "terraform.rc");
  writeFileSync(
    settings,
    MIRROR === undefined
      ? ""
      : `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(MIRROR)}\n  }\n}\n`,
  );
  return {
    TF_CLI_CONFIG_FILE: settings,
    TF_IN_AUTOMATION: "1",
    CHECKPOINT_DISABLE: "1",
    AWS_EC2_METADATA_DISABLED: "true",
  };
}

/** Runs Terraform. @throws {Error} when it is not installed */
export async function terraform(folder: string, args: string[], env: Record<string, string>) {
  if (Bun.which("terraform") === null) throw new Error("terraform is not installed: see the README, Development");
  const child = Bun.spawn(["terraform", ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

/** Runs Terraform and gives what it printed. @throws {Error} with all it said when it fails */
export async function terraformOk(folder: string, args: string[], env: Record<string, string>): Promise<string> {
  const { stdout, stderr, exitCode } = await terraform(folder, args, env);
  if (exitCode !== 0) throw new Error(`terraform ${args[0]}: exit code ${exitCode}\n${stdout.slice(-4000)}\n${stderr}`);
  return stdout;
}
