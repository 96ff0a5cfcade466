import { EXIT, errorCode, ProtonBeamError } from "./errors.ts";

/** Writes results to standard output at the pace of who reads them. */
export interface Output {
  /** False once nobody reads them any more, as after `| head`. @throws {ProtonBeamError} for all else, such as a full disk */
  write(bytes: string | Uint8Array): Promise<boolean>;
}

export function createOutput(): Output {
  const { stdout } = process;
  let isClosed = false;
  // The callback of the write that fails tells the error; without a listener it would end the process.
  stdout.on("error", () => {});
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (isClosed) resolve(false);
        else
          stdout.write(bytes, (error) => {
            if (errorCode(error) === "EPIPE") isClosed = true;
            if (error && !isClosed) reject(failure(error));
            else resolve(!isClosed);
          });
      }),
  };
}

function failure(error: Error): ProtonBeamError {
  return new ProtonBeamError(`writing to standard output failed: ${error.message}`, EXIT.failed, { cause: error });
}
