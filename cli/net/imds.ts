import { readFileSync } from "node:fs";
import { z } from "zod";

const DEFAULT_ENDPOINT = "http://169.254.169.254";
const TOKEN_SECONDS = 21_600;
const TIMEOUT_MS = 2000;
/** For what is only good to know. */
const QUICK_MS = 1000;

const actionSchema = z.object({ action: z.string(), time: z.string() });
const recommendationSchema = z.object({ noticeTime: z.string() });

/** What EC2 announces for a spot instance (EC2 User Guide, "Spot Instance interruption notices"). */
export interface SpotNotices {
  /** The instance is going to be stopped or terminated at `time`. */
  interruption: { action: string; time: string } | null;
  /** When the instance was found to be at elevated risk. */
  rebalance: string | null;
}

/** Where the instance metadata service is, or null on a machine that is none of EC2's. */
export function metadataEndpoint(env: NodeJS.ProcessEnv): string | null {
  if (env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === "true") return null;
  if (env.AWS_EC2_METADATA_SERVICE_ENDPOINT !== undefined && env.AWS_EC2_METADATA_SERVICE_ENDPOINT !== "")
    return env.AWS_EC2_METADATA_SERVICE_ENDPOINT.replace(/\/$/, "");
  try {
    return readFileSync("/sys/class/dmi/id/sys_vendor", "utf8").trim() === "Amazon EC2" ? DEFAULT_ENDPOINT : null;
  } catch {
    return null;
  }
}

/** What an instance says of itself. */
export const instanceSchema = z.object({
  type: z.string(),
  purchase: z.enum(["spot", "on-demand"]),
  region: z.string(),
});
export type InstanceIdentity = z.infer<typeof instanceSchema>;

/** Asks for notices. */
export function createSpotMonitor(endpoint: string): { read(): Promise<SpotNotices> } {
  const metadata = createMetadata(endpoint, TIMEOUT_MS);
  const read = async <T>(path: string, schema: z.ZodType<T>): Promise<T | null> => {
    const text = await metadata(path);
    return text === null ? null : schema.parse(JSON.parse(text));
  };
  return {
    read: async () => ({
      interruption: await read("spot/instance-action", actionSchema),
      rebalance: (await read("events/recommendations/rebalance", recommendationSchema))?.noticeTime ?? null,
    }),
  };
}

/**
 * Type, purchase and region of this instance; null when the service does not say. The answer is there within three seconds.
 * @throws {Error} when the service does not answer
 */
export async function readInstance(endpoint: string): Promise<InstanceIdentity | null> {
  const metadata = createMetadata(endpoint, QUICK_MS);
  const type = await metadata("instance-type");
  const [lifeCycle, region] = await Promise.all([metadata("instance-life-cycle"), metadata("placement/region")]);
  if (type === null || region === null) return null;
  return { type, purchase: lifeCycle === "spot" ? "spot" : "on-demand", region };
}

/**
 * Reads documents by IMDSv2: with a session token, which is renewed when it is refused.
 * @returns the document at a path, or null when there is none
 */
function createMetadata(endpoint: string, timeoutMs: number): (path: string) => Promise<string | null> {
  let token: string | null = null;

  const ask = (path: string, init: RequestInit) =>
    fetch(`${endpoint}/latest/${path}`, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  const newToken = async () => {
    const answer = await ask("api/token", {
      method: "PUT",
      headers: { "X-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_SECONDS) },
    });
    if (!answer.ok) throw new Error(`the metadata service refused a token: ${answer.status}`);
    return answer.text();
  };
  const read = async (path: string, retry: boolean): Promise<string | null> => {
    token ??= await newToken();
    const answer = await ask(`meta-data/${path}`, { headers: { "X-aws-ec2-metadata-token": token } });
    if (answer.status === 404) return null;
    if (answer.status === 401 && retry) {
      token = null;
      return read(path, false);
    }
    if (!answer.ok) throw new Error(`the metadata service answered ${answer.status} to ${path}`);
    return answer.text();
  };
  return (path) => read(path, true);
}
