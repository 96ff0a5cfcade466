/** What a client may ask of the relay. All of it is in the NIP-11 document, in the units that it wants. */
export interface Limits {
  connections: number;
  /** Of an IPv4 address or an IPv6 /64. */
  connectionsPerAddress: number;
  /** Open subscriptions and running counts of a connection. */
  subscriptions: number;
  /** Of a REQ or COUNT. */
  filters: number;
  /** Events of a filter without a limit, and the most of one with a limit. */
  defaultLimit: number;
  maxLimit: number;
  messageBytes: number;
  /** Messages of a connection in the mean; it may send those of {@link BURST_SECONDS} at once. */
  messagesPerSecond: number;
  /** Events that a query may look at that do not match. */
  scanned: number;
  /** Time that a query may take, without the time that it waits for others and for its client. */
  queryMs: number;
  /** Time in which a client must read all that it has asked for, or 64 KiB of it at least; else it is given up. */
  stallMs: number;
}

export const BURST_SECONDS = 5;
/** NIP-01. */
export const SUBSCRIPTION_ID_LENGTH = 64;
