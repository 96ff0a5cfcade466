import type { NostrEvent } from "../event/event.ts";
import type { ConvertOptions } from "../plan/options.ts";

/** The option by which an event was left out on request. */
export type FilterReason = "kinds" | "since" | "until";

/** Why the options leave a valid event out, or null when they keep it. */
export function filterReason(event: NostrEvent, options: ConvertOptions): FilterReason | null {
  const { kinds, since, until } = options;
  if (kinds !== null && !kinds.some(([from, to]) => event.kind >= from && event.kind <= to)) return "kinds";
  if (since !== null && event.created_at < since) return "since";
  if (until !== null && event.created_at > until) return "until";
  return null;
}
