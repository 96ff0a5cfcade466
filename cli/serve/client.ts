import PQueue from "p-queue";
import type { Desk } from "./desk.ts";
import { BURST_SECONDS } from "./limits.ts";
import { parseMessage, type Refusal, reply } from "./messages.ts";
import { createOutbox, type Socket } from "./outbox.ts";
import { answerQuery, type Query } from "./query.ts";
import { createMeter } from "./rate.ts";

/** A connection. */
export interface Client {
  receive(message: string | Uint8Array): void;
  /** To be called when the client has read something. */
  drained(): void;
  /** To be called when the connection is closed: ends the queries. */
  closed(): void;
}

/** Queries of a client that have begun: few, so that slow ones cannot take all places. */
const MAX_BEGUN = 2;
/** Queries of all clients that wait for a place. */
const MAX_WAITING = 1000;
/** Close codes of RFC 6455. */
const POLICY_VIOLATION = 1008;

/** Answers a client of the relay (NIP-01, NIP-45). @param address for the log */
export function createClient(socket: Socket, address: string, desk: Desk): Client {
  const { limits } = desk;
  const outbox = createOutbox(socket, limits.stallMs);
  const meter = createMeter(limits.messagesPerSecond, limits.messagesPerSecond * BURST_SECONDS, performance.now());
  /** Subscriptions until they are closed, and counts until they are answered. */
  const open = new Map<string, AbortController>();
  const queue = new PQueue({ concurrency: MAX_BEGUN });

  return {
    receive: (message) => {
      const verdict = meter(performance.now());
      if (verdict === "disconnect") socket.close(POLICY_VIOLATION, "rate-limited: too many messages");
      else take(message, verdict === "refuse" ? slowDown() : null);
    },
    drained: outbox.drained,
    closed: () => {
      outbox.closed();
      for (const key of open.keys()) end(key);
    },
  };

  function take(message: string | Uint8Array, refusal: Refusal | null): void {
    if (typeof message !== "string") {
      outbox.answer(reply.notice("invalid: messages are text, not binary"));
      return;
    }
    if (Buffer.byteLength(message) > limits.messageBytes) {
      outbox.answer(reply.notice(`invalid: a message of more than ${limits.messageBytes} bytes was not looked at`));
      return;
    }
    const parsed = parseMessage(message, limits, refusal);
    if (parsed.type === "refused") outbox.answer(parsed.reply);
    else if (parsed.type === "CLOSE") end(keyOf("REQ", parsed.id));
    else begin(parsed);
  }

  function begin(query: Query): void {
    const key = keyOf(query.type, query.id);
    end(key);
    const refusal = refusalNow();
    if (refusal !== null) {
      outbox.answer(reply.closed(query.id, refusal));
      return;
    }
    const control = new AbortController();
    open.set(key, control);
    void queue.add(async () => {
      await outbox.room(control.signal);
      if (control.signal.aborted) return;
      const goesOn = await answerQuery(query, control, outbox, desk, address);
      if (!goesOn && open.get(key) === control) open.delete(key);
    });
  }

  function end(key: string): void {
    open.get(key)?.abort();
    open.delete(key);
  }

  function refusalNow(): Refusal | null {
    // Queries that were ended before they began are still in the queue.
    if (Math.max(open.size, queue.size) >= limits.subscriptions)
      return `error: at most ${limits.subscriptions} subscriptions at once`;
    return desk.begun.waiting() >= MAX_WAITING ? "rate-limited: the relay is busy, ask again later" : null;
  }

  function slowDown(): Refusal {
    return `rate-limited: at most ${limits.messagesPerSecond} messages a second`;
  }
}

function keyOf(type: Query["type"], id: string): string {
  return `${type} ${id}`;
}
