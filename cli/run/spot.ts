import { EXIT, errorMessage, ProtonBeamError } from "../errors.ts";
import { createSpotMonitor } from "../net/imds.ts";
import type { Logger } from "../report/log.ts";
import type { Status } from "../report/status.ts";
import type { Stop } from "./stop.ts";

/** AWS recommends to look every 5 seconds; the notice comes two minutes ahead. */
const POLL_MS = 5000;

/** Stops the run when EC2 announces that the spot instance will be taken. Does nothing without an endpoint. */
export function watchSpot(endpoint: string | null, stop: Stop, log: Logger, status: Status): void {
  if (endpoint === null) return;
  const monitor = createSpotMonitor(endpoint);
  let advised = false;
  let failing = false;

  const look = async () => {
    try {
      const { interruption, rebalance } = await monitor.read();
      failing = false;
      if (rebalance !== null && !advised) {
        advised = true;
        log.warn({ noticeTime: rebalance }, "EC2 recommends to rebalance: an interruption is more likely now");
        status.note("running", "EC2 recommends to rebalance");
      }
      if (interruption !== null) {
        const { action, time } = interruption;
        log.warn({ action, time }, "EC2 is going to take this spot instance");
        stop.because(
          new ProtonBeamError(
            `EC2 is going to ${action} this spot instance at ${time}: the run stops. The same command goes on, here or on another machine.`,
            EXIT.resumable,
          ),
        );
      }
    } catch (error) {
      if (!failing) log.warn({ err: error }, `spot notices cannot be read: ${errorMessage(error)}`);
      failing = true;
    }
    if (!stop.signal.aborted) setTimeout(look, POLL_MS).unref();
  };
  void look();
}
