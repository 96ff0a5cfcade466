import type { Argv } from "yargs";

const GROUP = "Network:";

/**
 * The options of everything that goes over the network; parsed by `networkArgsSchema`.
 * @param retryFor default of --retry-for: long for work that goes on by itself, short for a person who waits
 */
export function networkOptions(yargs: Argv, retryFor: number): Argv {
  return yargs
    .option("region", { type: "string", requiresArg: true, group: GROUP, describe: "AWS region" })
    .option("endpoint-url", {
      type: "string",
      requiresArg: true,
      group: GROUP,
      describe: "Address of an S3-compatible server",
    })
    .option("path-style", {
      type: "boolean",
      defaultDescription: "with --endpoint-url",
      group: GROUP,
      describe: "Name the bucket in the path instead of the host",
    })
    .option("sign-request", {
      type: "boolean",
      default: true,
      group: GROUP,
      describe: "--no-sign-request reads public s3:// addresses without credentials",
    })
    .option("request-payer", {
      type: "boolean",
      default: false,
      group: GROUP,
      describe: "Pay for reading s3:// addresses of requester-pays buckets",
    })
    .option("retry-for", {
      type: "number",
      requiresArg: true,
      default: retryFor,
      group: GROUP,
      describe: "Seconds for which failing transfers are repeated without progress",
    })
    .option("stall-timeout", {
      type: "number",
      requiresArg: true,
      default: 60,
      group: GROUP,
      describe: "Seconds without a byte after which a connection is given up and made anew",
    });
}
