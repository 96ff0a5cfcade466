import { statfsSync } from "node:fs";
import { availableParallelism, hostname, totalmem } from "node:os";
import { z } from "zod";
import { instanceSchema, readInstance } from "../net/imds.ts";

/** What a run is done on. */
export const machineSchema = z.object({
  host: z.string(),
  pid: z.number(),
  cpus: z.number(),
  /** Bytes. */
  memory: z.number(),
  /** Size of the disk that the work is done on, bytes. */
  disk: z.number(),
  /** Null on a machine that is none of EC2's, or whose metadata service does not answer at once. */
  instance: instanceSchema.nullable(),
});
export type Machine = z.infer<typeof machineSchema>;

/** @param endpoint of the metadata service, or null elsewhere than on EC2: then nothing is asked */
export async function describeMachine(endpoint: string | null, workFolder: string): Promise<Machine> {
  const { blocks, bsize } = statfsSync(workFolder);
  const instance = endpoint === null ? null : await readInstance(endpoint).catch(() => null);
  return {
    host: hostname(),
    pid: process.pid,
    cpus: availableParallelism(),
    memory: totalmem(),
    disk: blocks * bsize,
    instance,
  };
}
