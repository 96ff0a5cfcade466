import { isIPv6 } from "node:net";

const GROUPS = 8;
const NETWORK_GROUPS = 4;

/**
 * Whom an address belongs to: an IPv4 address, also one that is written as IPv6 (`::ffff:192.0.2.1`, RFC 4291), stands for itself;
 * an IPv6 address for its /64, which is what a single customer has at least (RFC 6177). What is no address is left as it is.
 */
export function networkOf(address: string): string {
  const [plain] = address.split("%");
  if (!isIPv6(plain)) return address;
  const groups = groupsOf(plain);
  const [high, low] = groups.slice(-2);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => group.toString(16));
  return `${network.join(":")}::/64`;
}

/** The eight 16-bit numbers of an IPv6 address. */
function groupsOf(address: string): number[] {
  // The URL parser writes a dotted end as two groups.
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [before, after = []] = written.split("::").map((part) =>
    part
      .split(":")
      .filter((group) => group !== "")
      .map((group) => Number.parseInt(group, 16)),
  );
  return [...before, ...Array<number>(GROUPS - before.length - after.length).fill(0), ...after];
}
