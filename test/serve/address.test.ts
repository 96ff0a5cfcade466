import { expect, test } from "bun:test";
import { networkOf } from "../../cli/serve/address.ts";
import { createPlaces } from "../../cli/serve/places.ts";

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::FFFF:c000:0201", "192.0.2.1"],
  ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::1", "2001:db8:1:2::/64"],
  ["2001:db8:1:3::1", "2001:db8:1:3::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["unknown", "unknown"],
  ["", ""],
  [":::", ":::"],
])("%p belongs to %p", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test("connections of a /64 are counted as one address's", () => {
  const places = createPlaces(100, 2);
  expect(["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"].map(places.take)).toEqual([
    true,
    true,
    false,
    true,
  ]);
  places.giveBack("2001:db8::2");
  expect(places.take("2001:db8::4")).toBe(true);
  expect(places.take("2001:db8::5")).toBe(false);
});
