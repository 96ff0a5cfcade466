import { createConnection, createServer, type Socket } from "node:net";
import type { Random } from "../generator/random.ts";

/** What befalls a connection. A server without keep-alive makes it what befalls a request. */
export const FAULTS = [
  "slow-down",
  "internal-error",
  "reset-at-once",
  "reset-request",
  "reset-answer",
  "truncate-answer",
  "stall-answer",
] as const;
export type Fault = (typeof FAULTS)[number] | "none";

export interface FaultProxy {
  port: number;
  url: string;
  /** How often each fault was dealt. */
  dealt: Map<Fault, number>;
  /** From now on connections get these faults with this probability. */
  set(faults: readonly Fault[], probability: number): void;
  stop(): void;
}

const ERRORS = {
  "slow-down": ["503 Slow Down", "SlowDown"],
  "internal-error": ["500 Internal Server Error", "InternalError"],
} as const;

/** Most bytes that pass before a fault strikes: as many as a small answer has, or as many as a large one. */
const STRIKES_WITHIN = [800, 200_000];

/** Starts a TCP proxy on loopback before the server at `port` that deals faults, reproducibly by `random`. */
export function startFaultProxy(port: number, random: Random): Promise<FaultProxy> {
  let faults: readonly Fault[] = [];
  let probability = 0;
  const dealt = new Map<Fault, number>();
  const sockets = new Set<Socket>();

  const choose = (): Fault => {
    const strikes = faults.length > 0 && random.chance(probability);
    return strikes ? random.pick(faults) : "none";
  };
  const server = createServer((client) => {
    const fault = choose();
    dealt.set(fault, (dealt.get(fault) ?? 0) + 1);
    serve(client, fault, port, random.int(0, random.pick(STRIKES_WITHIN)), sockets);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const own = typeof address === "object" && address !== null ? address.port : 0;
      resolve({
        port: own,
        url: `http://127.0.0.1:${own}`,
        dealt,
        set: (next, chance) => {
          faults = next;
          probability = chance;
        },
        stop: () => {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
}

function serve(client: Socket, fault: Fault, port: number, after: number, sockets: Set<Socket>): void {
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  track(client);
  if (fault === "reset-at-once") {
    client.destroy();
    return;
  }
  if (fault === "slow-down" || fault === "internal-error") {
    const [status, code] = ERRORS[fault];
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>dealt by the fault proxy</Message></Error>`;
    client.once("data", () =>
      client.end(
        `HTTP/1.1 ${status}\r\nContent-Type: application/xml\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      ),
    );
    return;
  }
  const upstream = createConnection(port, "127.0.0.1");
  track(upstream);
  client.on("close", () => upstream.destroy());
  let sent = 0;
  client.on("data", (bytes: Buffer) => {
    sent += bytes.length;
    if (fault === "reset-request" && sent > after) {
      upstream.destroy();
      client.destroy();
    } else upstream.write(bytes);
  });
  client.on("end", () => upstream.end());
  let received = 0;
  upstream.on("data", (bytes: Buffer) => {
    const left = after - received;
    received += bytes.length;
    const strikes = fault !== "none" && fault !== "reset-request" && received > after;
    if (!strikes) {
      if (!client.write(bytes)) {
        upstream.pause();
        client.once("drain", () => upstream.resume());
      }
      return;
    }
    if (left > 0) client.write(bytes.subarray(0, left));
    if (fault === "reset-answer") client.destroy();
    if (fault === "truncate-answer") client.end();
    // A stalled answer: the connection stays open, and nothing comes any more.
    if (fault === "stall-answer") upstream.pause();
  });
  upstream.on("close", () => {
    if (fault !== "stall-answer") client.end();
  });
}
