import { createConnection, createServer, type Socket } from "node:net";

/** A request that was seen, and how much came in answer, headers included. */
export interface LoggedRequest {
  /** `GET /bucket/key` */
  line: string;
  /** The value of its `Range`. */
  range: string | null;
  answerBytes: number;
}

/** Starts a TCP proxy on loopback before a server without keep-alive that notes the requests. */
export function startRequestLog(port: number) {
  const requests: LoggedRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(port, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => socket.destroy());
    }
    const request: LoggedRequest = { line: "", range: null, answerBytes: 0 };
    client.once("data", (bytes: Buffer) => {
      const head = bytes.toString("latin1");
      request.line = head.slice(0, head.indexOf(" HTTP/"));
      request.range = /^range: (.*)\r$/im.exec(head)?.[1] ?? null;
      requests.push(request);
    });
    upstream.on("data", (bytes: Buffer) => {
      request.answerBytes += bytes.length;
    });
    client.pipe(upstream);
    upstream.pipe(client);
  });
  return new Promise<{ url: string; requests: LoggedRequest[]; stop(): void }>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const own = typeof address === "object" && address !== null ? address.port : 0;
      resolve({
        url: `http://127.0.0.1:${own}`,
        requests,
        stop: () => {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
}
