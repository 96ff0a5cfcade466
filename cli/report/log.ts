import pino, { type Logger } from "pino";

export type { Logger };

import { errorMessage } from "../errors.ts";

/**
 * A log of JSON lines, one object a record: `time` (ISO 8601), `level`, `msg` and fields of the record's own.
 * Records are appended to the file at once, so that a killed process leaves whole lines. A file that cannot be written, on
 * a full disk for example, does not end the work: it is told once on standard error, and the records wait for the next one.
 * @param path a file, or the descriptor of an open one
 */
export function createLog(path: string | number, verbose: boolean): Logger {
  const destination = pino.destination({ dest: path, append: true, sync: true });
  let isTold = false;
  destination.on("error", (error: unknown) => {
    if (isTold || typeof path === "number") return;
    isTold = true;
    process.stderr.write(`proton-beam: ${path} cannot be written: ${errorMessage(error)}\n`);
  });
  return pino(
    {
      level: verbose ? "debug" : "info",
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}
