import type { ByteRange } from "../source/lines.ts";
import type { Source } from "../source/source.ts";

/** A part of a source. */
export interface SourceRange {
  source: Source;
  range: ByteRange;
}

/** Multiples of it, without their whole part, are spread evenly and never repeat: so are the places of parts. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * `count` parts of `bytes` each of plain sources laid end to end, one somewhere in each `count`-th; a part ends with its
 * source. All that there is, source by source, when it is no more than the parts would be.
 */
export function spreadRanges(sources: Source[], count: number, bytes: number): SourceRange[] {
  const sizes = sources.map(({ input }) => input.size ?? 0);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= count * bytes)
    return sources.map((source, i) => ({ source, range: { start: 0, end: sizes[i] } })).filter(isNotEmpty);
  const share = total / count;
  const offset = (number: number) => Math.floor(share * number + ((number * GOLDEN_RATIO) % 1) * (share - bytes));
  const ranges: SourceRange[] = [];
  let number = 0;
  let begin = 0;
  sources.forEach((source, i) => {
    for (; number < count; number++) {
      const start = offset(number) - begin;
      if (start >= sizes[i]) break;
      ranges.push({ source, range: { start, end: Math.min(start + bytes, sizes[i]) } });
    }
    begin += sizes[i];
  });
  return ranges;
}

function isNotEmpty({ range }: SourceRange): boolean {
  return range.end > range.start;
}
