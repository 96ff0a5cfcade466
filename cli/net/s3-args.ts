import { z } from "zod";
import type { Link } from "./link.ts";
import type { S3Access } from "./s3.ts";
import { createTraffic } from "./traffic.ts";

const seconds = z.number().positive();

/** What every command that may go over the network takes: see `commands/network.ts` for the options. */
export const networkArgsSchema = z.object({
  region: z.string().optional(),
  endpointUrl: z.url().optional(),
  pathStyle: z.boolean().optional(),
  signRequest: z.boolean(),
  requestPayer: z.boolean(),
  retryFor: seconds,
  stallTimeout: seconds,
});
export type NetworkArgs = z.infer<typeof networkArgsSchema>;

export function linkOfArgs({ retryFor, stallTimeout }: NetworkArgs): Link {
  return { retryMs: retryFor * 1000, stallMs: stallTimeout * 1000, traffic: createTraffic() };
}

/** How the options say that S3 is reached. */
export function accessOfArgs(args: NetworkArgs, link: Link = linkOfArgs(args)): S3Access {
  const { region, endpointUrl, pathStyle, signRequest, requestPayer } = args;
  return {
    region: region ?? null,
    endpoint: endpointUrl ?? null,
    pathStyle: pathStyle ?? endpointUrl !== undefined,
    anonymous: !signRequest,
    requestPayer,
    link,
  };
}
