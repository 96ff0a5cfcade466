/** The messages of those records in `proton-beam.log` that the history of a run is read from. */
export const RECORD = {
  /** What a session, which is one process, runs on: its first record. */
  machine: "machine",
  /** The state of a phase. */
  progress: "progress",
  /** A conversion came to its end. */
  converted: "conversion complete",
  /** How the session ended. One that lacks it was killed, or is still at work. */
  ended: "session ended",
} as const;

/** The phase before the lock on the archive is taken: another process may be at work meanwhile. */
export const STAGING_PHASE = "Staging";
