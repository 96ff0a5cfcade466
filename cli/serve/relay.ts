import type { Server, ServerWebSocket, WebSocketHandler } from "bun";
import { EXIT, errorCode, errorMessage, ProtonBeamError } from "../errors.ts";
import type { Logger } from "../report/log.ts";
import { type Client, createClient } from "./client.ts";
import { createDesk } from "./desk.ts";
import { describeRelay, type Presentation, relayInformation } from "./information.ts";
import type { Library } from "./library.ts";
import type { Limits } from "./limits.ts";
import { createPlaces } from "./places.ts";

export interface RelaySettings {
  host: string;
  /** 0 takes one that is free. */
  port: number;
  /** Whether the last address in `X-Forwarded-For` is the client's. */
  trustProxy: boolean;
  /** Whether the archive is behind a network. */
  isRemote: boolean;
  presentation: Presentation;
  limits: Limits;
}

/** A relay that listens. */
export interface Relay {
  /** `ws://host:port` */
  url: string;
  /** Says goodbye to all clients. */
  stop(): Promise<void>;
}

/** What belongs to a connection. */
interface Session {
  address: string;
  client: Client | null;
}

const INFORMATION_TYPE = "application/nostr+json";
/** NIP-11 wants the document to be read by web pages of any origin. */
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "*",
  "access-control-allow-methods": "GET, OPTIONS",
};
/** A longer message than allowed is answered; one of more than so many times the length ends the connection. */
const PAYLOAD_MARGIN = 4;
/** For clients to take their leave. */
const GOODBYE_MS = 1000;
const GOING_AWAY = 1001;
const NO_LIMIT = 0;

/**
 * Starts the relay: WebSocket (NIP-01, NIP-45), the information document (NIP-11) and a word to people on one address.
 * @throws {ProtonBeamError} when it cannot listen there
 */
export function startRelay(settings: RelaySettings, library: Library, log: Logger): Relay {
  const { host, limits, presentation } = settings;
  const desk = createDesk(library, limits, log, settings.isRemote);
  const places = createPlaces(limits.connections, limits.connectionsPerAddress);
  const sockets = new Set<ServerWebSocket<Session>>();

  const handle = (request: Request, server: Server<Session>): Response | undefined => {
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") return upgrade(request, server);
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: CORS });
    if (request.method !== "GET" && request.method !== "HEAD") return text("This relay is read-only.\n", 405);
    if (new URL(request.url).pathname === "/healthz") return text("ok\n");
    if (!request.headers.get("accept")?.includes(INFORMATION_TYPE))
      return text(describeRelay(presentation, library.facts()));
    const information = relayInformation(presentation, library.facts(), limits);
    return Response.json(information, { headers: { ...CORS, "content-type": INFORMATION_TYPE } });
  };

  const upgrade = (request: Request, server: Server<Session>): Response | undefined => {
    const address = addressOf(request, server, settings.trustProxy);
    if (!places.take(address)) return text("Too many connections.\n", 429);
    const data: Session = { address, client: null };
    if (server.upgrade(request, { data })) return undefined;
    places.giveBack(address);
    return text("This is no WebSocket handshake.\n", 400);
  };

  const server = listen(settings, {
    fetch: handle,
    websocket: {
      maxPayloadLength: limits.messageBytes * PAYLOAD_MARGIN,
      // Queries wait for their client, see outbox.ts.
      backpressureLimit: NO_LIMIT,
      open: (socket) => {
        sockets.add(socket);
        socket.data.client = createClient(socket, socket.data.address, desk);
      },
      message: (socket, message) => socket.data.client?.receive(message),
      drain: (socket) => socket.data.client?.drained(),
      close: (socket) => {
        sockets.delete(socket);
        places.giveBack(socket.data.address);
        socket.data.client?.closed();
      },
    },
  });

  return {
    url: `ws://${host.includes(":") ? `[${host}]` : host}:${server.port}`,
    stop: async () => {
      const stopped = server.stop();
      for (const socket of sockets) socket.close(GOING_AWAY, "the relay is shutting down");
      await Promise.race([stopped, Bun.sleep(GOODBYE_MS)]);
      await server.stop(true);
    },
  };
}

interface Handlers {
  fetch(request: Request, server: Server<Session>): Response | undefined;
  websocket: WebSocketHandler<Session>;
}

function listen({ host, port }: RelaySettings, handlers: Handlers) {
  try {
    // Without `development` Bun shares the port with another process unless told otherwise.
    return Bun.serve<Session>({ hostname: host, port, development: false, reusePort: false, ...handlers });
  } catch (error) {
    const why = errorCode(error) === "EADDRINUSE" ? "another program listens there" : errorMessage(error);
    throw new ProtonBeamError(
      `cannot listen on ${host} port ${port}: ${why}. Choose another address or port with --host and --port; --port 0 takes one that is free.`,
      EXIT.failed,
      { cause: error },
    );
  }
}

/** The address that counts as the client's. */
function addressOf(request: Request, server: Server<Session>, trustProxy: boolean): string {
  const forwarded = trustProxy ? request.headers.get("x-forwarded-for")?.split(",").at(-1)?.trim() : undefined;
  return forwarded || (server.requestIP(request)?.address ?? "unknown");
}

function text(body: string, status = 200): Response {
  return new Response(body, { status, headers: { ...CORS, "content-type": "text/plain; charset=utf-8" } });
}
