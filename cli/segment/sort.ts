/**
 * The numbers of `times` in the order of the times; of equal times in that of `compare`, which is given two numbers.
 * Times are integers. Numbers are sorted as such by native code, which is several times as fast as calling back for each
 * pair: time and number are packed into one wherever a double holds both.
 */
export function sortByTime(times: number[], compare: (a: number, b: number) => number): Uint32Array {
  const count = times.length;
  let earliest = Number.POSITIVE_INFINITY;
  let latest = Number.NEGATIVE_INFINITY;
  for (const time of times) {
    if (time < earliest) earliest = time;
    if (time > latest) latest = time;
  }
  const byTime = (a: number, b: number) => times[a] - times[b] || compare(a, b);
  if (count > 0 && (latest - earliest + 1) * count > Number.MAX_SAFE_INTEGER)
    return Uint32Array.from(times.keys()).sort(byTime);
  const packed = new Float64Array(count);
  for (let i = 0; i < count; i++) packed[i] = (times[i] - earliest) * count + i;
  packed.sort();
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = packed[i] % count;
  for (let from = 0; from < count; ) {
    let to = from + 1;
    while (to < count && times[order[to]] === times[order[from]]) to++;
    if (to - from > 1) order.subarray(from, to).sort(compare);
    from = to;
  }
  return order;
}
