/** Counts connections, in all and by address. */
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
      const here = taken.get(address) ?? 0;
      if (all >= total || here >= perAddress) return false;
      taken.set(address, here + 1);
      all++;
      return true;
    },
    giveBack: (address) => {
      const here = taken.get(address) ?? 0;
      if (here > 1) taken.set(address, here - 1);
      else taken.delete(address);
      all--;
    },
  };
}
