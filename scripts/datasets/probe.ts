import { createS3Clients, environmentAccess } from "../../cli/net/s3.ts";
import { createTraffic } from "../../cli/net/traffic.ts";
import { findSources } from "../../cli/source/find.ts";
import type { Input } from "../../cli/source/inputs.ts";

/** How long a server that does not answer is waited for. */
const PATIENCE_MS = 10_000;

/** The files that addresses name, with what their servers say of them. @throws {Error} when one cannot be reached */
export async function probe(urls: string[]): Promise<Input[]> {
  const access = environmentAccess({ retryMs: PATIENCE_MS, stallMs: PATIENCE_MS, traffic: createTraffic() });
  return (await findSources(urls, access, createS3Clients())).map(({ input }) => input);
}
