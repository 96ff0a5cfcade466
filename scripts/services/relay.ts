import { join } from "node:path";

const MAIN = join(import.meta.dir, "../../cli/main.ts");
const START_MS = 30_000;

/** A relay in a process of its own. */
export interface RelayProcess {
  /** `ws://…`, and the same with `http://…`. */
  url: string;
  httpUrl: string;
  pid: number;
  /** What it wrote to standard error so far. */
  log(): string;
  /** Sends a signal and waits for the end. @returns the exit code */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

/** Starts `proton-beam serve` on a port that is free. @throws {Error} with its output when it does not start */
export async function startRelayProcess(args: string[], env: Record<string, string> = {}): Promise<RelayProcess> {
  const child = Bun.spawn([process.execPath, "run", MAIN, "serve", "--port", "0", ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  let log = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) log += decoder.decode(bytes, { stream: true });
  })();
  const address = () => /ws:\/\/\S+/.exec(log)?.[0];
  await until(() => address() !== undefined || child.exitCode !== null, START_MS);
  const url = address();
  if (url === undefined) {
    child.kill();
    await reading;
    throw new Error(`the relay did not start: ${log}`);
  }
  return {
    url,
    httpUrl: url.replace("ws", "http"),
    pid: child.pid,
    log: () => log,
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      const exitCode = await child.exited;
      await reading;
      return exitCode;
    },
  };
}

/** Waits until something is true. @throws {Error} when it does not become true in time */
export async function until(isTrue: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  for (const start = performance.now(); !(await isTrue()); await Bun.sleep(20))
    if (performance.now() - start > ms) throw new Error(`not so after ${ms} ms: ${isTrue}`);
}

/** A message of a relay. */
export type Message = unknown[];

/** A client without any knowledge of Nostr. */
export interface RawClient {
  send(message: unknown): void;
  sendText(data: string | Uint8Array): void;
  /** The next message. @throws {Error} when the connection is closed before */
  next(): Promise<Message>;
  /** The messages up to and with the first one of a type. */
  upTo(...types: string[]): Promise<Message[]>;
  close(): void;
  closed: Promise<{ code: number; reason: string }>;
}

/** @throws {Error} when the connection is refused */
export async function connect(url: string, headers: Record<string, string> = {}): Promise<RawClient> {
  const socket = new WebSocket(url, { headers });
  const messages: Message[] = [];
  let change = Promise.withResolvers<void>();
  let isClosed = false;
  const signalChange = () => {
    change.resolve();
    change = Promise.withResolvers();
  };
  socket.onmessage = ({ data }) => {
    messages.push(JSON.parse(String(data)));
    signalChange();
  };
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.onclose = ({ code, reason }) => {
      isClosed = true;
      signalChange();
      resolve({ code, reason });
    };
  });
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("refused"));
  });
  const next = async () => {
    for (;;) {
      const message = messages.shift();
      if (message !== undefined) return message;
      if (isClosed) throw new Error("the connection is closed");
      await change.promise;
    }
  };
  return {
    send: (message) => socket.send(JSON.stringify(message)),
    sendText: (data) => socket.send(data),
    next,
    upTo: async (...types) => {
      const all: Message[] = [];
      do all.push(await next());
      while (!types.includes(String(all.at(-1)?.[0])));
      return all;
    },
    close: () => socket.close(),
    closed,
  };
}
