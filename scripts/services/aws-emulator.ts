import { join } from "node:path";
import { freePort, type Service, startService } from "./process.ts";

/** Starts moto's server, with its faults corrected: an emulation of the APIs of AWS on loopback, all services on one port. */
export async function startAwsEmulator(): Promise<Service> {
  const port = await freePort();
  return startService(["moto_server", "-H", "127.0.0.1", "-p", String(port)], port, {
    install: "pip install 'moto[server]'",
    env: { PYTHONPATH: join(import.meta.dir, "emulator") },
  });
}
