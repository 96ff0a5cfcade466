/** Merges sorted rows into one; rows of equal items keep no order among themselves. */
export function* mergeSorted<T>(rows: Iterable<Iterator<T>>, compare: (a: T, b: T) => number): Generator<T> {
  const heap: { item: T; rest: Iterator<T> }[] = [];
  for (const rest of rows) {
    const first = rest.next();
    if (!first.done) heap.push({ item: first.value, rest });
  }
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) siftDown(heap, i, compare);
  while (heap.length > 0) {
    const top = heap[0];
    yield top.item;
    const next = top.rest.next();
    if (!next.done) top.item = next.value;
    else {
      const last = heap.pop();
      if (last === undefined || last === top) continue;
      heap[0] = last;
    }
    siftDown(heap, 0, compare);
  }
}

function siftDown<T>(heap: { item: T }[], from: number, compare: (a: T, b: T) => number): void {
  const moved = heap[from];
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && compare(heap[child + 1].item, heap[child].item) < 0) child++;
    if (compare(moved.item, heap[child].item) <= 0) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}
