import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const ROOT = join(import.meta.dir, "../..");

const blocks = z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown())));
const stackSchema = z.object({
  data: blocks,
  resource: blocks,
  output: z.record(z.string(), z.object({ value: z.unknown() })),
  variable: z.record(z.string(), z.record(z.string(), z.unknown())),
  terraform: z.object({ backend: z.unknown().optional(), cloud: z.unknown().optional() }),
});

/** A synthesized stack. */
export interface Stack extends z.infer<typeof stackSchema> {
  folder: string;
  /** Its JSON. */
  text: string;
}

/** Runs the app as cdktf does. */
export function runApp(outdir: string, context: Record<string, unknown>) {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "run", join(ROOT, "stacks/main.ts")], {
    cwd: ROOT,
    env: { ...process.env, CDKTF_OUTDIR: outdir, CDKTF_CONTEXT_JSON: JSON.stringify(context) },
  });
  return { exitCode, stderr: stderr.toString() };
}

/** Synthesizes a stack of each dataset in the folder `context.datasets`. @throws {Error} with the app's message */
export function synth(outdir: string, context: Record<string, unknown>): Record<string, Stack> {
  const { exitCode, stderr } = runApp(outdir, context);
  if (exitCode !== 0) throw new Error(stderr);
  const folders = join(outdir, "stacks");
  return Object.fromEntries(readdirSync(folders).map((name) => [name, readStack(join(folders, name))]));
}

function readStack(folder: string): Stack {
  const text = readFileSync(join(folder, "cdk.tf.json"), "utf8");
  return { ...stackSchema.parse(JSON.parse(text)), folder, text };
}

/** All resources of a type. */
export function resourcesOf(stack: Stack, type: string): Record<string, unknown>[] {
  return Object.values(stack.resource[type] ?? {});
}
