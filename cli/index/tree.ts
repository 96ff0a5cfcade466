import { createNode, NODE, type TreeNode } from "./node.ts";
import type { PageWriter } from "./pages.ts";
import { writeSqliteVarint } from "./values.ts";

/*
 * SQLite's b-trees written from their cells in order: each page once, full, without a look-up. CREATE INDEX, which sorts
 * with a comparison of decoded records and inserts one by one, takes several times as long.
 */
const CHILD_BYTES = 4;
/** No cell here is larger: an id and its row, or three integers. */
const MAX_CELL_BYTES = 64;

/** Makes the pages above the leaves. Each cell but its child is `source[start..end)`. */
function createInterior(pages: PageWriter, kind: typeof NODE.indexInterior | typeof NODE.tableInterior) {
  const levels: TreeNode[] = [];

  /** Adds a child and the cell between it and the next one. */
  const push = (depth: number, child: number, source: Buffer, start: number, end: number): void => {
    levels[depth] ??= createNode(kind);
    const node = levels[depth];
    const length = CHILD_BYTES + end - start;
    let at = node.reserve(length);
    if (at === 0) {
      const last = node.pop();
      const between = Buffer.from(node.page.subarray(last.start, last.end));
      const number = pages.append(node.seal(between.readUInt32BE(0)));
      push(depth + 1, number, between, CHILD_BYTES, between.length);
      node.clear();
      at = node.reserve(length);
    }
    node.page.writeUInt32BE(child, at);
    source.copy(node.page, at + CHILD_BYTES, start, end);
  };

  return {
    push: (child: number, source: Buffer, start: number, end: number) => push(0, child, source, start, end),
    /** Whether there is none: a single leaf is the root itself. */
    isEmpty: () => levels.length === 0,
    finish: (lastChild: number, root: number) => {
      let child = lastChild;
      for (const [depth, node] of levels.entries()) {
        const page = node.seal(child);
        if (depth === levels.length - 1) pages.replace(root, page);
        else child = pages.append(page);
      }
    },
  };
}

/** Writes an index, or a table without rowid, from its records in ascending order. */
export interface IndexTree {
  /** Where the next record is to be written, of at most {@link MAX_CELL_BYTES} less one byte; then call `add`. */
  scratch: Buffer;
  /** Adds the record `scratch[0..length)`. */
  add(length: number): void;
  finish(): void;
}

/** @param root the page of the index, which is empty */
export function createIndexTree(pages: PageWriter, root: number): IndexTree {
  const leaf = createNode(NODE.indexLeaf);
  const interior = createInterior(pages, NODE.indexInterior);
  const scratch = Buffer.alloc(MAX_CELL_BYTES);
  /** A record that comes between the leaf, which is full, and the next one, if another follows. Its first byte is its length. */
  const between = Buffer.alloc(MAX_CELL_BYTES);
  let betweenBytes = 0;

  const endLeaf = (source: Buffer, start: number, end: number) => {
    interior.push(pages.append(leaf.seal()), source, start, end);
    leaf.clear();
  };
  const put = (source: Buffer, length: number) => {
    const at = leaf.reserve(1 + length);
    if (at === 0) return false;
    leaf.page[at] = length;
    for (let i = 0; i < length; i++) leaf.page[at + 1 + i] = source[i];
    return true;
  };

  return {
    scratch,
    add: (length) => {
      if (betweenBytes > 0) {
        endLeaf(between, 0, betweenBytes);
        betweenBytes = 0;
      }
      if (put(scratch, length)) return;
      between[0] = length;
      scratch.copy(between, 1, 0, length);
      betweenBytes = 1 + length;
    },
    finish: () => {
      if (betweenBytes > 0) {
        // No record follows, and a leaf must not be empty: the last one of the full leaf comes between instead.
        const last = leaf.pop();
        const separator = Buffer.from(leaf.page.subarray(last.start, last.end));
        endLeaf(separator, 0, separator.length);
        put(between.subarray(1), betweenBytes - 1);
      }
      if (interior.isEmpty()) pages.replace(root, leaf.seal());
      else interior.finish(pages.append(leaf.seal()), root);
    },
  };
}

/** Writes a table from its leaves in order, given by page and last rowid. */
export function createTableTree(pages: PageWriter, root: number) {
  const interior = createInterior(pages, NODE.tableInterior);
  const key = Buffer.alloc(9);
  let last: { page: Buffer; rowid: number } | null = null;
  return {
    /** The page must stay as it is until the next call. */
    add: (page: Buffer, rowid: number) => {
      if (last !== null) interior.push(pages.append(last.page), key, 0, writeSqliteVarint(key, 0, last.rowid));
      last = { page, rowid };
    },
    finish: () => {
      if (last === null) return;
      if (interior.isEmpty()) pages.replace(root, last.page);
      else interior.finish(pages.append(last.page), root);
    },
  };
}
