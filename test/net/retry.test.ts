import { expect, test } from "bun:test";
import { EXIT, ProtonBeamError } from "../../cli/errors.ts";
import { withStallTimeout } from "../../cli/net/link.ts";
import { backoffDelay, createBackoff, parseRetryAfter, TransientError } from "../../cli/net/retry.ts";
import { createTraffic, readTraffic } from "../../cli/net/traffic.ts";
import { readResumed } from "../../cli/net/transfer.ts";

test("delays grow exponentially to a cap, with jitter over the whole range", () => {
  expect([0, 1, 2, 3].map((attempt) => backoffDelay(attempt, () => 1))).toEqual([200, 400, 800, 1600]);
  expect(backoffDelay(50, () => 1)).toBe(20_000);
  expect(backoffDelay(3, () => 0)).toBe(0);
  expect(backoffDelay(3, () => 0.25)).toBe(400);
});

test("Retry-After is read as seconds and as a date", () => {
  const now = Date.parse("2024-01-01T00:00:00Z");
  expect(parseRetryAfter("7", now)).toBe(7000);
  expect(parseRetryAfter("Mon, 01 Jan 2024 00:00:30 GMT", now)).toBe(30_000);
  expect(parseRetryAfter("Mon, 01 Jan 2020 00:00:30 GMT", now)).toBe(0);
  expect(parseRetryAfter("soon", now)).toBe(0);
  expect(parseRetryAfter(null, now)).toBe(0);
});

test("a wait the budget has no room for is not begun, and progress renews the budget", async () => {
  const backoff = createBackoff({ retryMs: 1000, stallMs: 1000, traffic: createTraffic() }, "reading x");
  const tooLong = backoff.wait(new TransientError("busy", 60_000));
  expect(tooLong).rejects.toBeInstanceOf(ProtonBeamError);
  expect(tooLong).rejects.toMatchObject({ exitCode: EXIT.resumable, message: expect.stringContaining("busy") });
  backoff.progressed();
  const before = performance.now();
  await backoff.wait(new TransientError("busy", 100));
  expect(performance.now() - before).toBeGreaterThanOrEqual(95);
});

test("a body that falls silent is given up, and its request is ended", async () => {
  let aborted = false;
  const silent = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Buffer.from("abc")) });
  const pieces: string[] = [];
  const read = async () => {
    for await (const piece of withStallTimeout(silent, 100, () => {
      aborted = true;
    }))
      pieces.push(Buffer.from(piece).toString());
  };
  expect(read()).rejects.toThrow("no answer for 0.1 s");
  await read().catch(() => {});
  expect(pieces[0]).toBe("abc");
  expect(aborted).toBe(true);
});

test("a transfer that breaks off again and again gives each byte once", async () => {
  const content = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251));
  let opened = 0;
  const open = async (from: number, to: number | null) => {
    opened++;
    async function* body() {
      yield content.subarray(from, from + 300);
      if (from + 700 >= (to ?? 0)) yield content.subarray(from + 300);
      else if (opened % 3 === 0) throw new Error("reset");
    }
    return { body: body(), abort: () => {} };
  };
  const pieces: Uint8Array[] = [];
  const link = { retryMs: 5000, stallMs: 1000, traffic: createTraffic() };
  for await (const piece of readResumed("x", link, open, 10, 4990)) pieces.push(piece);
  expect(Buffer.concat(pieces).equals(content.subarray(10, 4990))).toBe(true);
  expect(opened).toBeGreaterThan(10);
  expect(readTraffic(link.traffic)).toEqual({ retries: opened - 1, moved: 4980 });
});
