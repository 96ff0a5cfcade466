/** Exit codes of the program. 75 is EX_TEMPFAIL of sysexits.h: the same command goes on where this one stopped. */
export const EXIT = { done: 0, failed: 1, usage: 2, resumable: 75 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An error whose message tells a person what happened, to which file, and what to do; it carries the exit code. */
export class ProtonBeamError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProtonBeamError";
    this.exitCode = exitCode;
  }
}

/** The error of a run that was told to stop. */
export function interruption(): ProtonBeamError {
  return new ProtonBeamError("interrupted: run the same command again to go on", EXIT.resumable);
}

/** The text of anything thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a system error (`ENOENT`, `ENOSPC`, …), or null. */
export function errorCode(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}

/** What a run throws when it met `error`: a full disk of `folder` is told in words, and can be gone on from. */
export function explainFullDisk(error: unknown, folder: string): unknown {
  if (errorCode(error) === "ENOSPC" || /database or disk is full/.test(errorMessage(error)))
    return new ProtonBeamError(
      `the disk of ${folder} is full. Nothing that was committed is lost: free some space and run the same command again.`,
      EXIT.resumable,
      { cause: error },
    );
  return error;
}
