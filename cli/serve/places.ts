import { networkOf } from "./address.ts";

/** Counts connections, in all and by address; addresses of an IPv6 /64 count as one. */
export interface Places {
  /** False when there is none left. */
  take(address: string): boolean;
  giveBack(address: string): void;
}

export function createPlaces(total: number, perAddress: number): Places {
  const taken = new Map<string, number>();
  let all = 0;
  return {
    take: (address) => {
      const network = networkOf(address);
      const here = taken.get(network) ?? 0;
      if (all >= total || here >= perAddress) return false;
      taken.set(network, here + 1);
      all++;
      return true;
    },
    giveBack: (address) => {
      const network = networkOf(address);
      const here = taken.get(network) ?? 0;
      if (here > 1) taken.set(network, here - 1);
      else taken.delete(network);
      all--;
    },
  };
}
