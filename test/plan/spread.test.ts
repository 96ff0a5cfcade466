import { expect, test } from "bun:test";
import fc from "fast-check";
import { spreadRanges } from "../../cli/plan/spread.ts";
import type { Source } from "../../cli/source/source.ts";

function sourceOf(size: number, i: number): Source {
  return {
    input: { name: String(i), size, modified: null, etag: null, compression: "none" },
    location: { kind: "file", path: String(i), size, modified: 0 },
    checksum: null,
  };
}

test("parts lie within their sources, overlap nowhere, and are all there is when that is little", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 8 });
  const parts = fc.record({ count: fc.integer({ min: 1, max: 10 }), bytes: fc.integer({ min: 1, max: 300 }) });
  fc.assert(
    fc.property(sizes, parts, (lengths, { count, bytes }) => {
      const sources = lengths.map(sourceOf);
      const ranges = spreadRanges(sources, count, bytes);
      const total = lengths.reduce((sum, size) => sum + size, 0);
      const covered = ranges.reduce((sum, { range }) => sum + range.end - range.start, 0);
      expect(covered).toBeLessThanOrEqual(count * bytes);
      if (total <= count * bytes) expect(covered).toBe(total);
      else expect(ranges).toHaveLength(count);
      let before = { source: "", end: 0 };
      for (const { source, range } of ranges) {
        const { name, size } = source.input;
        expect(range.start).toBeGreaterThanOrEqual(name === before.source ? before.end : 0);
        expect(range.end).toBeGreaterThan(range.start);
        expect(range.end).toBeLessThanOrEqual(size ?? 0);
        before = { source: name, end: range.end };
      }
    }),
  );
});
