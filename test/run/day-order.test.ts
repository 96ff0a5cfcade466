import { expect, test } from "bun:test";
import { workOrder } from "../../cli/run/day-order.ts";

test("days come in order, but first those that are more than a thread's share, the largest at the front", () => {
  const events = new Map([
    [1, 10],
    [2, 10],
    [3, 300],
    [4, 400],
    [5, 20],
  ]);
  const order = (threads: number) => workOrder([...events.keys()], (day) => events.get(day) ?? 0, threads);
  expect(order(1)).toEqual([1, 2, 3, 4, 5]);
  expect(order(2)).toEqual([4, 1, 2, 3, 5]);
  expect(order(4)).toEqual([4, 3, 1, 2, 5]);
  expect(workOrder([], () => 0, 4)).toEqual([]);
});
