import { GIB, instanceHour, type Prices, volumeHour } from "../dataset/prices.ts";
import { sumOrNull } from "../plan/plan.ts";
import type { Session } from "./history.ts";

/**
 * What the machines of sessions cost, in the currency of the prices: instances with their public addresses, and their
 * disks as gp3 volumes. Null when a machine is none of EC2's, or its price is not known. Requests, storage in S3 and
 * traffic are not in it.
 */
export interface Cost {
  instances: number | null;
  volumes: number | null;
  total: number | null;
}

export function costOf(sessions: Session[], prices: Prices): Cost {
  const parts = sessions.map(({ machine, started, lastSeen }) => {
    if (machine === null || machine.instance === null) return null;
    const hours = (lastSeen - started) / 3_600_000;
    const hour = instanceHour(prices, machine.instance.type, machine.instance.purchase);
    return {
      instance: hour === null ? null : hours * (hour + prices.publicIpv4Hour),
      volume: hours * volumeHour(prices, { sizeGiB: machine.disk / GIB, iops: 3000, throughput: 125 }),
    };
  });
  const instances = sumOrNull(parts.map((part) => part?.instance ?? null));
  const volumes = sumOrNull(parts.map((part) => part?.volume ?? null));
  return { instances, volumes, total: sumOrNull([instances, volumes]) };
}
