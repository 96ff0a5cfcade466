import { z } from "zod";
import { EXIT, ProtonBeamError } from "./errors.ts";

/**
 * The arguments of a command as its schema has them.
 * @throws {ProtonBeamError} usage: that names each wrong one
 */
export function parseArgs<T>(schema: z.ZodType<T>, args: unknown): T {
  const parsed = schema.safeParse(args);
  if (!parsed.success) throw new ProtonBeamError(z.prettifyError(parsed.error), EXIT.usage);
  return parsed.data;
}
