import { createLogUpdate } from "log-update";
import { z } from "zod";
import { type ArchiveLocation, parseLocation } from "../archive/location.ts";
import { parseArgs } from "../args.ts";
import { type Prices, readPrices } from "../dataset/prices.ts";
import { EXIT, type ExitCode, errorCode, ProtonBeamError } from "../errors.ts";
import { createS3Clients, type S3Clients } from "../net/s3.ts";
import { accessOfArgs, networkArgsSchema } from "../net/s3-args.ts";
import { archiveOfDataset } from "./dataset.ts";
import { describeStatus } from "./describe.ts";
import { readFacts } from "./facts.ts";
import { type RunStatus, statusOf } from "./state.ts";

/** Time between two looks. */
const LOCAL_MS = 2000;
const BUCKET_MS = 10_000;

const argsSchema = networkArgsSchema.extend({
  archive: z.string(),
  dataset: z.string().min(1).optional(),
  watch: z.boolean(),
  stalledAfter: z.number().positive(),
  prices: z.string().min(1).optional(),
  json: z.boolean(),
});

/**
 * Runs `proton-beam status`.
 * @throws {ProtonBeamError} when nothing is there, or it cannot be read
 */
export async function runStatus(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  const location = locationOf(args);
  const clients = createS3Clients();
  const prices = readPrices(args.prices ?? null);
  const look = () => lookAt(location, clients, args.stalledAfter * 60_000, prices);
  const display = createDisplay(args, prices);
  if (!args.watch) {
    display.show(await look());
    return EXIT.done;
  }
  process.once("SIGINT", () => {
    display.end();
    process.exit(EXIT.done);
  });
  process.stdout.on("error", (error) => process.exit(errorCode(error) === "EPIPE" ? EXIT.done : EXIT.failed));
  for (;;) {
    const status = await look();
    display.show(status);
    if (isOver(status, location)) break;
    await Bun.sleep(location.kind === "local" ? LOCAL_MS : BUCKET_MS);
  }
  display.end();
  return EXIT.done;
}

function locationOf(args: z.infer<typeof argsSchema>): ArchiveLocation {
  const access = accessOfArgs(args);
  if (args.dataset === undefined) return parseLocation(args.archive, access);
  const { url, region } = archiveOfDataset(args.dataset, process.cwd());
  return parseLocation(url, { ...access, region: access.region ?? region });
}

async function lookAt(
  location: ArchiveLocation,
  clients: S3Clients,
  stalledMs: number,
  prices: Prices,
): Promise<RunStatus> {
  const facts = await readFacts(location, clients);
  const status = statusOf(facts, Date.now(), stalledMs, prices);
  if (status === null)
    throw new ProtonBeamError(
      `there is no run and no archive in ${facts.place}. Name the --output-dir of a convert, or its --s3-output.`,
    );
  return status;
}

/** What shows one status after another. */
interface Display {
  show(status: RunStatus): void;
  end(): void;
}

/** In place on a terminal, else one after the other. */
function createDisplay({ json, watch }: z.infer<typeof argsSchema>, prices: Prices): Display {
  const text = (status: RunStatus) =>
    json ? `${JSON.stringify(status, null, watch ? 0 : 2)}\n` : describeStatus(status, prices, Date.now());
  if (json || !watch || !process.stdout.isTTY)
    return { show: (status) => process.stdout.write(text(status) + (watch && !json ? "\n" : "")), end: () => {} };
  const redraw = createLogUpdate(process.stdout);
  return { show: (status) => redraw(text(status)), end: () => redraw.done() };
}

/** An interrupted run in S3 may be taken up by another machine. */
function isOver({ state }: RunStatus, { kind }: ArchiveLocation): boolean {
  return state === "complete" || state === "failed" || (state === "interrupted" && kind === "local");
}
