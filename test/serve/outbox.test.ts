import { expect, test } from "bun:test";
import { createOutbox, type Outbox } from "../../cli/serve/outbox.ts";

const STALL_MS = 400;
const STEP_MS = 20;

/** The outbox of a client that reads so many bytes in every step. */
function createReader(bytes: number) {
  const state = { buffered: 0, isGivenUp: false };
  const outbox: Outbox = createOutbox(
    {
      send: (text) => {
        state.buffered += Buffer.byteLength(text);
      },
      cork: (work) => work(),
      getBufferedAmount: () => state.buffered,
      close: () => {},
      terminate: () => {
        state.isGivenUp = true;
        outbox.closed();
      },
    },
    STALL_MS,
  );
  const reading = setInterval(() => {
    state.buffered = Math.max(0, state.buffered - bytes);
    outbox.drained();
  }, STEP_MS);
  return { outbox, state, [Symbol.dispose]: () => clearInterval(reading) };
}

const { signal } = new AbortController();

test("who reads a little now and then is given up", async () => {
  using reader = createReader(100);
  reader.outbox.deliver(["x".repeat(1_000_000)]);
  await reader.outbox.room(signal);
  expect(reader.state.isGivenUp).toBe(true);
});

test("many small messages do not make a trickle into progress", async () => {
  using reader = createReader(100);
  reader.outbox.deliver(["x".repeat(128 * 1024)]);
  for (const start = performance.now(); !reader.state.isGivenUp && performance.now() - start < 5000; ) {
    reader.outbox.deliver(["x".repeat(100)]);
    await reader.outbox.room(signal);
  }
  expect(reader.state.isGivenUp).toBe(true);
});

test("who reads slowly, but enough, is not given up, however long it takes", async () => {
  using reader = createReader(20_000);
  // That it had nothing to read for a while does not count.
  await Bun.sleep(STALL_MS + STEP_MS);
  const start = performance.now();
  reader.outbox.deliver(["x".repeat(1_000_000)]);
  await reader.outbox.room(signal);
  expect(performance.now() - start).toBeGreaterThan(STALL_MS);
  expect(reader.state.isGivenUp).toBe(false);
  expect(reader.state.buffered).toBeLessThan(200_000);
});

test("an ended query does not wait on for its client", async () => {
  using reader = createReader(0);
  reader.outbox.deliver(["x".repeat(1_000_000)]);
  const control = new AbortController();
  const room = reader.outbox.room(control.signal);
  control.abort();
  await room;
  expect(reader.state.isGivenUp).toBe(false);
});
