/**
 * The order in which days are reduced: ascending, as the index takes them, but those first that alone keep a thread longer
 * than its share of the whole, the largest at the front. Else all other threads would be idle at the end, until such a day is done.
 * @param days ascending
 */
export function workOrder(days: number[], eventsOf: (day: number) => number, threads: number): number[] {
  const sizes = new Map(days.map((day) => [day, eventsOf(day)]));
  const sizeOf = (day: number) => sizes.get(day) ?? 0;
  const share = days.reduce((sum, day) => sum + sizeOf(day), 0) / threads;
  const large = days.filter((day) => sizeOf(day) > share).sort((a, b) => sizeOf(b) - sizeOf(a));
  return [...large, ...days.filter((day) => sizeOf(day) <= share)];
}
