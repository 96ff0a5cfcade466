import { createServer } from "node:net";

const START_MS = 10_000;

/** A server process on loopback. */
export interface Service {
  port: number;
  /** `http://127.0.0.1:port` */
  url: string;
  stop(): Promise<void>;
}

/** A port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/**
 * Starts a server process and waits until it answers.
 * @throws {Error} with `install` when the program is missing, or with its output when it does not start
 */
export async function startService(
  command: string[],
  port: number,
  options: { install: string; env?: Record<string, string> },
): Promise<Service> {
  const program = Bun.which(command[0]);
  if (program === null) throw new Error(`${command[0]} is not installed: ${options.install}`);
  const child = Bun.spawn([program, ...command.slice(1)], {
    env: { ...process.env, ...options.env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const url = `http://127.0.0.1:${port}`;
  for (const started = Date.now(); ; ) {
    if (child.exitCode !== null || Date.now() - started > START_MS) {
      child.kill();
      throw new Error(`${command[0]} did not start: ${await new Response(child.stderr).text()}`);
    }
    try {
      await fetch(url);
      break;
    } catch {
      await Bun.sleep(20);
    }
  }
  return {
    port,
    url,
    stop: async () => {
      child.kill();
      await child.exited;
    },
  };
}
