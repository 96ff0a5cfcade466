import { type ExitCode, errorCode, errorMessage, ProtonBeamError } from "../errors.ts";

export interface ThreadError {
  message: string;
  stack: string | undefined;
  code: string | null;
  exitCode: ExitCode | null;
}

/** Errors lose their class between threads; this keeps what the program acts on. */
export function packError(error: unknown): ThreadError {
  return {
    message: errorMessage(error),
    stack: error instanceof Error ? error.stack : undefined,
    code: errorCode(error),
    exitCode: error instanceof ProtonBeamError ? error.exitCode : null,
  };
}

export function unpackError(packed: ThreadError): Error {
  if (packed.exitCode !== null) return new ProtonBeamError(packed.message, packed.exitCode);
  return Object.assign(new Error(packed.message), { code: packed.code, stack: packed.stack });
}
