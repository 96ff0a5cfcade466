import pkg from "../../package.json" with { type: "json" };
import { formatCount } from "../report/format.ts";
import type { ArchiveFacts } from "./facts.ts";
import { BURST_SECONDS, type Limits, SUBSCRIPTION_ID_LENGTH } from "./limits.ts";

/** What the owner of the relay says about it; what is null is left out or made from the archive. */
export interface Presentation {
  name: string;
  description: string | null;
  contact: string | null;
}

/** The relay information document (NIP-11). */
export function relayInformation(presentation: Presentation, facts: ArchiveFacts, limits: Limits) {
  const { name, contact } = presentation;
  return {
    name,
    description: presentation.description ?? describeFacts(facts),
    ...(contact === null ? {} : { contact }),
    supported_nips: [1, 11, 45, 50],
    software: pkg.name,
    version: pkg.version,
    limitation: {
      max_message_length: limits.messageBytes,
      max_subscriptions: limits.subscriptions,
      max_filters: limits.filters,
      max_limit: limits.maxLimit,
      default_limit: limits.defaultLimit,
      max_subid_length: SUBSCRIPTION_ID_LENGTH,
      auth_required: false,
      payment_required: false,
      restricted_writes: true,
      // Not of NIP-11, which lets clients ignore what they do not know.
      max_connections: limits.connections,
      max_connections_per_address: limits.connectionsPerAddress,
      max_messages_per_second: limits.messagesPerSecond,
      max_messages_at_once: limits.messagesPerSecond * BURST_SECONDS,
      max_scanned_events: limits.scanned,
      max_query_seconds: limits.queryMs / 1000,
      max_stall_seconds: limits.stallMs / 1000,
    },
    // For ever, and nothing is added.
    retention: [{ time: null }],
  };
}

/** What the address says to people. */
export function describeRelay(presentation: Presentation, facts: ArchiveFacts): string {
  const { name, description, contact } = presentation;
  return [
    name,
    description ?? describeFacts(facts),
    "This is a Nostr relay (NIP-01): give its address to a Nostr client, with ws:// or wss:// in front.",
    ...(contact === null ? [] : [`Contact: ${contact}`]),
    "",
  ].join("\n");
}

function describeFacts({ events, from, to }: ArchiveFacts): string {
  if (from === null || to === null) return "A read-only archive without events.";
  return `A read-only archive of ${formatCount(events)} events, ${utcDate(from)} to ${utcDate(to)}.`;
}

function utcDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
