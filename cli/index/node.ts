import { PAGE_BYTES } from "./pages.ts";

/** Kinds of pages of SQLite's b-trees (https://www.sqlite.org/fileformat2.html#b_tree_pages). */
export const NODE = { indexInterior: 2, tableInterior: 5, indexLeaf: 10, tableLeaf: 13 } as const;
const CELLS_AT = 3;
const CONTENT_AT = 5;
const RIGHT_CHILD_AT = 8;
const POINTER_BYTES = 2;

/** A page of a b-tree that is being filled with cells in ascending order, the cells from its end downwards. */
export interface TreeNode {
  page: Buffer;
  cells: number;
  /** Makes room for a cell of `length` bytes: where it is in the page, or 0 when the page is full. */
  reserve(length: number): number;
  /** Takes the last cell off: where its bytes are in the page until the next `reserve` or `clear`. */
  pop(): { start: number; end: number };
  /** Completes the page, of an interior node with the child behind the last cell. Its bytes are valid until `clear`. */
  seal(rightChild?: number): Buffer;
  clear(): void;
}

export function createNode(kind: (typeof NODE)[keyof typeof NODE]): TreeNode {
  const page = Buffer.alloc(PAGE_BYTES);
  const headerBytes = kind === NODE.indexInterior || kind === NODE.tableInterior ? 12 : 8;
  let content = PAGE_BYTES;
  const node: TreeNode = {
    page,
    cells: 0,
    reserve: (length) => {
      const pointerAt = headerBytes + POINTER_BYTES * node.cells;
      if (pointerAt + POINTER_BYTES + length > content) return 0;
      content -= length;
      page[pointerAt] = content >> 8;
      page[pointerAt + 1] = content & 0xff;
      node.cells++;
      return content;
    },
    pop: () => {
      const start = content;
      node.cells--;
      content = node.cells === 0 ? PAGE_BYTES : page.readUInt16BE(headerBytes + POINTER_BYTES * (node.cells - 1));
      return { start, end: content };
    },
    seal: (rightChild) => {
      page.fill(0, headerBytes + POINTER_BYTES * node.cells, content);
      page[0] = kind;
      page.writeUInt16BE(node.cells, CELLS_AT);
      page.writeUInt16BE(content, CONTENT_AT);
      if (rightChild !== undefined) page.writeUInt32BE(rightChild, RIGHT_CHILD_AT);
      return page;
    },
    clear: () => {
      node.cells = 0;
      content = PAGE_BYTES;
    },
  };
  return node;
}

/** The number of cells of a sealed page. */
export function cellsOf(page: Buffer): number {
  return page.readUInt16BE(CELLS_AT);
}
