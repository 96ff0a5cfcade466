import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createS3Clients } from "../../cli/net/s3.ts";
import { convertOptionsSchema } from "../../cli/plan/options.ts";
import {
  chunkRanges,
  chunkSize,
  countBytes,
  countChunks,
  describeDifference,
  fingerprintOf,
  makePlan,
  parsePlan,
} from "../../cli/plan/plan.ts";
import { estimateSpace } from "../../cli/plan/space.ts";
import { type Input, inputSchema } from "../../cli/source/inputs.ts";
import { fileSource } from "../../cli/source/local.ts";
import { makeDump, temporaryFolder } from "../run/cli.ts";

const options = convertOptionsSchema.parse({});
const input = inputSchema.parse({ name: "a.jsonl", size: 1000, modified: 5 });

test("chunks cover an input without gap or overlap", () => {
  expect([...chunkRanges(10, 4)]).toEqual([
    { start: 0, end: 4 },
    { start: 4, end: 8 },
    { start: 8, end: 10 },
  ]);
  expect([...chunkRanges(0, 4)]).toEqual([]);
  expect([...chunkRanges(8, 4)]).toHaveLength(2);
});

test("an input has many chunks, if they need be neither tiny nor larger than asked for", () => {
  const [mib, gib] = [1024 ** 2, 1024 ** 3];
  const sizes = (size: number | null) => chunkSize(size, 64 * mib) / mib;
  expect([0, mib, 100 * mib, gib, 4 * gib, 9 * gib, null].map(sizes)).toEqual([8, 8, 8, 16, 64, 64, 64]);
  expect(chunkSize(gib, 300)).toBe(300);
});

test("bytes and chunks are known unless an input is a stream", () => {
  const stream = inputSchema.parse({ name: "-", size: null, modified: null });
  const compressed: Input = { ...input, compression: "zstd" };
  const plan = makePlan([input, { ...input, size: 0 }], { ...options, chunkBytes: 300 }, 0);
  expect([countBytes(plan), countChunks(plan)]).toEqual([1000, 4]);
  expect([countBytes({ ...plan, inputs: [input, stream] }), countChunks({ ...plan, inputs: [stream] })]).toEqual([
    null,
    null,
  ]);
  expect(countBytes({ ...plan, inputs: [compressed] })).toBeNull();
});

test("a plan that cannot be read is refused in words", () => {
  const plan = makePlan([input], options, 0);
  expect(parsePlan(JSON.stringify(plan), "plan.json")).toEqual(plan);
  for (const text of [JSON.stringify({ ...plan, format: 1 }), "{}", '{"format":'])
    expect(() => parsePlan(text, "work/plan.json")).toThrow("work/plan.json is damaged or of another version");
});

test("a plan has another fingerprint, and a difference in words, for all that alters the output", () => {
  const plan = makePlan([input], options, 0);
  expect(fingerprintOf(makePlan([{ ...input }], { ...options }, 0))).toBe(fingerprintOf(plan));
  for (const [other, words] of [
    [makePlan([{ ...input, size: 1001 }], options, 0), "another size"],
    [makePlan([{ ...input, etag: '"1"' }], options, 0), "ETag"],
    [makePlan([{ ...input, modified: 6 }], options, 0), "modification time"],
    [makePlan([input, input], options, 0), "inputs"],
    [makePlan([input], { ...options, kinds: [[1, 1]] }, 0), "kinds: null became [[1,1]]"],
    [makePlan([input], options, 1), "archive was changed"],
  ] as const) {
    expect(fingerprintOf(other)).not.toBe(fingerprintOf(plan));
    expect(describeDifference(plan, other)).toContain(words);
  }
});

test("the space that is asked for covers what a conversion takes, and is no more than twice the input", async () => {
  using folder = temporaryFolder();
  const { path, expected } = await makeDump(folder.path, "dump.jsonl", { lines: 5000 });
  const estimate = (name: string, existing: number) =>
    estimateSpace([fileSource(name)], existing, false, createS3Clients());
  const need = await estimate(path, 0);
  expect(need.total).toBeGreaterThan(expected.bytes * 0.5);
  expect(need.total).toBeLessThan(expected.bytes * 2);
  expect((await estimate(path, 777)).total).toBe(need.total + 777);
  writeFileSync(folder.join("empty.jsonl"), "");
  expect((await estimate(folder.join("empty.jsonl"), 0)).total).toBe(0);
});
