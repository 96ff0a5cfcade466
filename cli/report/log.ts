import pino, { type Logger } from "pino";

export type { Logger };

/**
 * A log of JSON lines, one object a record: `time` (ISO 8601), `level`, `msg` and fields of the record's own.
 * Records are appended to the file at once, so that a killed process leaves whole lines.
 * @param path a file, or the descriptor of an open one
 */
export function createLog(path: string | number, verbose: boolean): Logger {
  return pino(
    {
      level: verbose ? "debug" : "info",
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: path, append: true, sync: true }),
  );
}
