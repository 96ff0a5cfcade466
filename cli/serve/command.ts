import { z } from "zod";
import { parseLocation } from "../archive/location.ts";
import { parseArgs } from "../args.ts";
import { EXIT, type ExitCode, ProtonBeamError } from "../errors.ts";
import { createS3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { createLog } from "../report/log.ts";
import { openLibrary } from "./library.ts";
import { startRelay } from "./relay.ts";

const STDERR = 2;
/** What an operator sets by mistake must not end in a program without memory. */
const MAX_MESSAGE_BYTES = 256 * 1024 ** 2;

/** Of times in seconds; timers take no more than 24 days. */
const MAX_SECONDS = 86_400;

const count = z.number().int().min(1);

const argsSchema = z.object({
  archive: z.string().min(1),
  ...networkArgsSchema.shape,
  host: z.string().min(1),
  port: z.number().int().min(0).max(65_535),
  trustProxy: z.boolean(),
  name: z.string().min(1),
  description: z.string().optional(),
  contact: z.string().optional(),
  maxConnections: count,
  maxConnectionsPerAddress: count,
  maxSubscriptions: count,
  maxFilters: count,
  maxLimit: count,
  defaultLimit: count,
  maxMessageSize: count.max(MAX_MESSAGE_BYTES),
  maxMessagesPerSecond: z.number().positive(),
  maxScanned: count,
  queryTimeout: z.number().positive().max(MAX_SECONDS),
  stallLimit: z.number().positive().max(MAX_SECONDS),
  cacheSize: z.number().int().min(0),
  verbose: z.boolean(),
});

/**
 * Runs `proton-beam serve` with its arguments until a signal asks it to stop.
 * @throws {ProtonBeamError} when the arguments are wrong, there is no archive, or the port is taken
 */
export async function runServe(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  if (args.defaultLimit > args.maxLimit)
    throw new ProtonBeamError("--default-limit is larger than --max-limit", EXIT.usage);

  const stop = nextSignal();
  const log = createLog(STDERR, args.verbose);
  const location = parseLocation(args.archive, accessOfArgs(args));
  const library = await openLibrary(location, createS3Clients(), args.cacheSize, log);
  const { name, host, port, trustProxy } = args;
  const presentation = { name, description: args.description ?? null, contact: args.contact ?? null };
  const limits = {
    connections: args.maxConnections,
    connectionsPerAddress: args.maxConnectionsPerAddress,
    subscriptions: args.maxSubscriptions,
    filters: args.maxFilters,
    defaultLimit: args.defaultLimit,
    maxLimit: args.maxLimit,
    messageBytes: args.maxMessageSize,
    messagesPerSecond: args.maxMessagesPerSecond,
    scanned: args.maxScanned,
    queryMs: args.queryTimeout * 1000,
    stallMs: args.stallLimit * 1000,
  };
  const relay = startRelay(
    { host, port, trustProxy, isRemote: location.kind === "s3", presentation, limits },
    library,
    log,
  );
  process.stderr.write(`proton-beam: ${args.archive} is served at ${relay.url} (Ctrl-C ends it)\n`);

  await stop;
  await relay.stop();
  library.close();
  return EXIT.done;
}

/** The first SIGINT or SIGTERM. A second one ends the process at once. */
function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = () => {
      if (asked) process.exit(EXIT.done);
      asked = true;
      resolve();
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
