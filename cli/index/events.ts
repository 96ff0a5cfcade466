import { EVENT_INDEXES } from "./entries.ts";
import { createLeaves, type EventRow } from "./leaves.ts";
import type { PageWriter } from "./pages.ts";
import { createRuns } from "./runs.ts";
import { BATCH_ROWS, createBatch, orderByTime } from "./sort.ts";
import { createIndexTree } from "./tree.ts";
import { ID_BYTES } from "./values.ts";

const MAX_TIME = 2 ** 63;

/** A page with other values could not be searched. */
function assertFits({ id, pubkey, createdAt, kind }: EventRow): void {
  if (id.length !== ID_BYTES) throw new RangeError(`an id has ${id.length} bytes`);
  if (!Number.isInteger(createdAt) || createdAt < -MAX_TIME || createdAt >= MAX_TIME)
    throw new RangeError(`created_at ${createdAt} is no 64-bit integer`);
  if (kind !== (kind | 0)) throw new RangeError(`kind ${kind} is no 32-bit integer`);
  if (pubkey > 0xffff_ffff) throw new RangeError("there are more pubkeys than a 32-bit number counts");
}

/** Writes `event` and its indexes, which are empty in the database, row after row. */
export interface EventWriter {
  /** Adds the next row. @returns its number */
  add(row: EventRow): number;
  /**
   * Writes the pages.
   * @param roots pages of `event` and its indexes, by name
   */
  finish(pages: PageWriter, roots: Map<string, number>): void;
}

/** @param scratchPath where a file of this name can be made */
export function createEventWriter(scratchPath: (name: string) => string): EventWriter {
  const leaves = createLeaves(scratchPath("event"));
  const indexes = Object.entries(EVENT_INDEXES).map(([name, index]) => ({
    name,
    ...index,
    runs: createRuns(scratchPath(name), index.width),
  }));
  const batch = createBatch();
  const endBatch = () => {
    const byTime = orderByTime(batch);
    for (const { order, writeEntry, runs } of indexes) {
      const rows = order(batch, byTime);
      runs.add(rows.length, (i, target, at) => writeEntry(batch, rows[i], target, at));
    }
    batch.first += batch.count;
    batch.count = 0;
  };
  return {
    add: (row) => {
      assertFits(row);
      const at = batch.count++;
      const rowid = batch.first + at;
      batch.ids.set(row.id, ID_BYTES * at);
      batch.pubkeys[at] = row.pubkey;
      batch.createdAt[at] = row.createdAt;
      batch.kinds[at] = row.kind;
      leaves.add(rowid, row);
      if (batch.count === BATCH_ROWS) endBatch();
      return rowid;
    },
    finish: (pages, roots) => {
      const rootOf = (name: string) => {
        const root = roots.get(name);
        if (root === undefined) throw new Error(`the index has no ${name}`);
        return root;
      };
      endBatch();
      for (const { name, addEntry, runs } of indexes) {
        const tree = createIndexTree(pages, rootOf(name));
        runs.merge((source, at) => addEntry(tree, source, at));
        tree.finish();
        runs.close();
      }
      leaves.write(pages, rootOf("event"));
      leaves.close();
    },
  };
}
