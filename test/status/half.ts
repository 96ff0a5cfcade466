import { runCli, startCli } from "../run/cli.ts";

/** Starts a conversion of standard input that stands still after half of the bytes, in the middle of reading. */
export function startHalf(bytes: Buffer, out: string, more: string[] = []) {
  const half = new ReadableStream({ start: (controller) => controller.enqueue(bytes.subarray(0, bytes.length / 2)) });
  return startCli(["convert", "-", "-o", out, "-j", "1", ...CHUNKS, ...more], half);
}

/** Small chunks, so that there are many. */
export const CHUNKS = ["--chunk-bytes", "200000"];

/** The status as JSON, once it is as wanted; the last one after 15 seconds. */
export async function statusOnce(args: string[], wanted: (status: Record<string, unknown>) => boolean) {
  for (const started = Date.now(); ; await Bun.sleep(100)) {
    const { stdout, exitCode } = await runCli(["status", "--json", ...args]);
    const status = exitCode === 0 ? JSON.parse(stdout) : {};
    if (wanted(status) || Date.now() - started > 15_000) return status;
  }
}

/** Whether the run has read something. */
export function isReading({ phase }: Record<string, unknown>): boolean {
  return typeof phase === "object" && phase !== null && "events" in phase && phase.events !== 0;
}
