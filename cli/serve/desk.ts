import PQueue from "p-queue";
import type { Logger } from "../report/log.ts";
import { type Begun, createBegun } from "./begun.ts";
import type { Library } from "./library.ts";
import type { Limits } from "./limits.ts";

/** What all clients share. */
export interface Desk {
  library: Library;
  limits: Limits;
  log: Logger;
  /** Queries that have begun: each holds some megabytes at most, also while it waits for a slow client. */
  begun: Begun;
  /** Queries that work on more than their first part right now. They take turns, part by part. */
  turns: PQueue;
}

const MAX_BEGUN = 64;
/** Turns that work on the same processor only slow each other down; those that wait for the network do not. */
const MAX_LOCAL_TURNS = 4;
const MAX_REMOTE_TURNS = 16;

/** @param isRemote whether the archive is behind a network */
export function createDesk(library: Library, limits: Limits, log: Logger, isRemote: boolean): Desk {
  return {
    library,
    limits,
    log,
    begun: createBegun(MAX_BEGUN),
    turns: new PQueue({ concurrency: isRemote ? MAX_REMOTE_TURNS : MAX_LOCAL_TURNS }),
  };
}
