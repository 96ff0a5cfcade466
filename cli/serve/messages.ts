import { z } from "zod";
import { type Filter, filterSchema } from "../query/filter.ts";
import { type Limits, SUBSCRIPTION_ID_LENGTH } from "./limits.ts";

/** Why something is refused: a machine-readable prefix of NIP-01, a colon, and words for people. */
export type Refusal = `${"invalid" | "blocked" | "error" | "rate-limited" | "unsupported"}: ${string}`;

/** What a client may say (NIP-01, NIP-45), and what the relay answers at once to all else. */
export type ClientMessage =
  | { type: "REQ" | "COUNT"; id: string; filters: Filter[] }
  | { type: "CLOSE"; id: string }
  | { type: "refused"; reply: string };

/** The messages of a relay (NIP-01, NIP-45), as their text. */
export const reply = {
  /** @param event the event as JSON */
  event: (id: string, event: string) => `["EVENT",${JSON.stringify(id)},${event}]`,
  endOfStored: (id: string) => JSON.stringify(["EOSE", id]),
  count: (id: string, count: number) => JSON.stringify(["COUNT", id, { count }]),
  closed: (id: string, why: Refusal) => JSON.stringify(["CLOSED", id, why]),
  notAccepted: (eventId: string, why: Refusal) => JSON.stringify(["OK", eventId, false, why]),
  notice: (why: Refusal) => JSON.stringify(["NOTICE", why]),
};

const FILTER_KEY = /^(ids|authors|kinds|since|until|limit|search|#[a-zA-Z])$/;

const subscriptionIdSchema = z.string().min(1).max(SUBSCRIPTION_ID_LENGTH);
/** Ids have 64 digits; what is longer must not be sent back. */
const eventSchema = z.object({ id: z.string().max(64) });

/**
 * Reads a message of a client.
 * @param refusal if not null, all but CLOSE is answered with it
 */
export function parseMessage(text: string, limits: Limits, refusal: Refusal | null): ClientMessage {
  const [type, ...parameters] = parseArray(text) ?? [];
  switch (type) {
    case "REQ":
    case "COUNT":
      return parseQuery(type, parameters, limits, refusal);
    case "CLOSE": {
      const id = subscriptionIdSchema.safeParse(parameters[0]);
      return id.success ? { type, id: id.data } : notice(badSubscriptionId(type));
    }
    case "EVENT": {
      const event = eventSchema.safeParse(parameters[0]);
      if (!event.success) return notice(refusal ?? "invalid: EVENT needs an event with an id");
      return refused(reply.notAccepted(event.data.id, refusal ?? "blocked: this relay is read-only"));
    }
    case undefined:
      return notice(refusal ?? 'invalid: a message is a JSON array such as ["REQ","id",{}]');
    default:
      return notice(refusal ?? "unsupported: this relay answers REQ, COUNT and CLOSE");
  }
}

function parseQuery(
  type: "REQ" | "COUNT",
  [givenId, ...givenFilters]: unknown[],
  limits: Limits,
  refusal: Refusal | null,
): ClientMessage {
  const parsedId = subscriptionIdSchema.safeParse(givenId);
  if (!parsedId.success) return notice(refusal ?? badSubscriptionId(type));
  const id = parsedId.data;
  const close = (why: Refusal) => refused(reply.closed(id, why));
  if (refusal !== null) return close(refusal);
  if (givenFilters.length === 0) return close(`invalid: ${type} needs at least one filter`);
  if (givenFilters.length > limits.filters)
    return close(`invalid: ${givenFilters.length} filters; this relay takes at most ${limits.filters}`);
  const filters: Filter[] = [];
  for (const [at, given] of givenFilters.entries()) {
    const unknown = Object.keys(Object(given)).find((key) => !FILTER_KEY.test(key));
    if (unknown !== undefined) return close(`unsupported: filter ${at + 1} has the unknown field ${clip(unknown)}`);
    const filter = filterSchema.safeParse(given);
    if (!filter.success) return close(`invalid: filter ${at + 1}: ${describeIssue(filter.error)}`);
    filters.push(type === "REQ" ? withLimit(filter.data, limits) : filter.data);
  }
  return { type, id, filters };
}

/** Who asks for ids may have all of them. */
function withLimit(filter: Filter, { defaultLimit, maxLimit }: Limits): Filter {
  const wanted = filter.limit ?? (filter.ids === null ? defaultLimit : filter.ids.length);
  return { ...filter, limit: Math.min(wanted, maxLimit) };
}

function parseArray(text: string): unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function describeIssue({ issues }: z.ZodError): string {
  const { path, message } = issues[0];
  return path.length === 0 ? message : `${path.join(".")}: ${message}`;
}

function badSubscriptionId(type: string): Refusal {
  return `invalid: ${type} needs a subscription id of 1 to ${SUBSCRIPTION_ID_LENGTH} characters`;
}

function clip(text: string): string {
  return JSON.stringify(text.slice(0, SUBSCRIPTION_ID_LENGTH));
}

function notice(why: Refusal): ClientMessage {
  return refused(reply.notice(why));
}

function refused(text: string): ClientMessage {
  return { type: "refused", reply: text };
}
