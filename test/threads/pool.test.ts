import { afterEach, expect, test } from "bun:test";
import { EXIT, ProtonBeamError } from "../../cli/errors.ts";
import { createPool, type Pool, runInOrder, type TaskOf } from "../../cli/threads/pool.ts";
import type { EchoTasks } from "./echo-worker.ts";

const MODULE = new URL("./echo-worker.ts", import.meta.url);
let pool: Pool<EchoTasks>;

afterEach(() => pool.terminate());

/** Tasks of which each next one is faster; counts those that were handed out. */
function* tasks(count: number, taken = { count: 0 }, failing = -1): Generator<TaskOf<EchoTasks, "echo">> {
  for (let n = 0; n < count; n++) {
    taken.count++;
    yield { type: "echo", n, ms: n % 3 === 0 ? 15 : 0, fails: n === failing };
  }
}

test("runInOrder gives the results in the order of the tasks", async () => {
  pool = createPool(MODULE, 3);
  const results = await Array.fromAsync(runInOrder(pool, tasks(40)));
  expect(results).toEqual(Array.from({ length: 40 }, (_, n) => n * 10));
});

test("runInOrder is only a little ahead of its reader, and ends with it", async () => {
  pool = createPool(MODULE, 2);
  const taken = { count: 0 };
  const seen: number[] = [];
  for await (const result of runInOrder(pool, tasks(1000, taken))) {
    seen.push(result);
    await Bun.sleep(5);
    expect(taken.count).toBeLessThanOrEqual(seen.length + 8);
    if (seen.length === 20) break;
  }
  expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n * 10));
  // The pool can be used for other work afterwards.
  expect(await Array.fromAsync(runInOrder(pool, tasks(3)))).toEqual([0, 10, 20]);
});

test("runInOrder gives the results before a failure, then the failure with its exit code", async () => {
  pool = createPool(MODULE, 2);
  const seen: number[] = [];
  const read = async () => {
    for await (const result of runInOrder(pool, tasks(100, undefined, 10))) seen.push(result);
  };
  const error = await read().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProtonBeamError);
  expect(error).toMatchObject({ message: "no 10", exitCode: EXIT.resumable });
  expect(seen).toEqual(Array.from({ length: seen.length }, (_, n) => n * 10));
  expect(seen.length).toBeLessThanOrEqual(10);
});

test("several works side by side, one of them left in the middle, each get their own results", async () => {
  pool = createPool(MODULE, 2);
  const left = runInOrder(pool, tasks(50));
  await left.next();
  await left.return(undefined);
  const expected = Array.from({ length: 40 }, (_, n) => n * 10);
  expect(await Promise.all([1, 2, 3].map(() => Array.fromAsync(runInOrder(pool, tasks(40)))))).toEqual([
    expected,
    expected,
    expected,
  ]);
});

test("a thread that ends in the middle of its work does not leave anybody waiting", async () => {
  pool = createPool(MODULE, 1);
  const ending: TaskOf<EchoTasks, "echo">[] = [{ type: "echo", n: 1, ms: 0, fails: false, ends: true }];
  const message = "a worker thread ended in the middle of its work";
  expect(Array.fromAsync(runInOrder(pool, ending))).rejects.toThrow(message);
  await Bun.sleep(200);
  expect(Array.fromAsync(runInOrder(pool, tasks(1)))).rejects.toThrow(message);
});
