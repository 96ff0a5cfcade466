import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";

/** A stream of random values that depends on its seed text only. */
export interface Random {
  /** An integer from `from` to `to`, both included. */
  int(from: number, to: number): number;
  /** True with probability `share`. */
  chance(share: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** One of the items, by weight. */
  weighted<T>(items: readonly (readonly [T, number])[]): T;
  hex(digits: number): string;
}

export function createRandom(seed: string): Random {
  const high = Number(BigInt(Bun.hash.xxHash3(seed)) & 0xffff_ffffn) | 0;
  const low = Number(BigInt(Bun.hash.xxHash3(seed)) >> 32n) | 0;
  const generator = xoroshiro128plusFromState([low, high, ~low, 0x9e3779b9 | 0]);
  const int = (from: number, to: number) => uniformInt(generator, from, to);
  const chance = (share: number) => int(0, 999_999) < share * 1_000_000;
  return {
    int,
    chance,
    pick: (items) => items[int(0, items.length - 1)],
    weighted: (items) => {
      let left = int(0, items.reduce((sum, [, weight]) => sum + weight, 0) - 1);
      for (const [item, weight] of items) {
        left -= weight;
        if (left < 0) return item;
      }
      return items[0][0];
    },
    hex: (digits) => {
      const bytes = Buffer.allocUnsafe(4 * Math.ceil(digits / 8));
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32BE(generator.next() >>> 0, at);
      return bytes.toString("hex").slice(0, digits);
    },
  };
}
