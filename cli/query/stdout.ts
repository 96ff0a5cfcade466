import { errorCode } from "../errors.ts";

/** Writes results to standard output at the pace of who reads them. */
export interface Output {
  /** False once nobody reads them any more, as after `| head`. @throws {Error} of the system, such as a full disk */
  write(text: string | Uint8Array): Promise<boolean>;
}

export function createOutput(stream: NodeJS.WriteStream = process.stdout): Output {
  let isClosed = false;
  // The callback of the write that fails tells the error.
  stream.on("error", () => {});
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        if (isClosed) resolve(false);
        else
          stream.write(text, (error) => {
            if (errorCode(error) === "EPIPE") isClosed = true;
            if (error && !isClosed) reject(error);
            else resolve(!isClosed);
          });
      }),
  };
}
