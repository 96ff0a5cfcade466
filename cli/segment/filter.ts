import type { ConvertOptions } from "../plan/options.ts";

/** The option by which an event was left out on request. */
export type FilterReason = "kinds" | "since" | "until";

/** Why the options leave out a valid event of this kind and created_at (Unix seconds), or null when they keep it. */
export function filterReason(kind: number, createdAt: number, options: ConvertOptions): FilterReason | null {
  const { kinds, since, until } = options;
  if (kinds !== null && !kinds.some(([from, to]) => kind >= from && kind <= to)) return "kinds";
  if (since !== null && createdAt < since) return "since";
  if (until !== null && createdAt > until) return "until";
  return null;
}
