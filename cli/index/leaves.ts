import { closeSync } from "node:fs";
import { readAt, writeAt } from "../store/blocks.ts";
import { cellsOf, createNode, NODE } from "./node.ts";
import { PAGE_BYTES, type PageWriter } from "./pages.ts";
import { openNameless } from "./scratch.ts";
import { createTableTree } from "./tree.ts";
import {
  ID_BYTES,
  ID_TYPE,
  integerBytes,
  integerType,
  NULL_TYPE,
  sqliteVarintBytes,
  writeInteger,
  writeSqliteVarint,
} from "./values.ts";

/** A row of `event` but its number. */
export interface EventRow {
  id: Uint8Array;
  pubkey: number;
  createdAt: number;
  kind: number;
  member: number;
  position: number;
}

const LEAVES_AT_ONCE = 256;

/** The leaves of the table `event`, kept in a nameless file until their numbers are known: a leaf refers to no other page. */
export function createLeaves(path: string) {
  const file = openNameless(path);
  const leaf = createNode(NODE.tableLeaf);
  const gathered = Buffer.allocUnsafe(LEAVES_AT_ONCE * PAGE_BYTES);
  let used = 0;
  let size = 0;
  const flush = () => {
    writeAt(file, gathered.subarray(0, used), size);
    size += used;
    used = 0;
  };
  const endLeaf = () => {
    if (leaf.cells === 0) return;
    if (used === gathered.length) flush();
    used += leaf.seal().copy(gathered, used);
    leaf.clear();
  };
  return {
    add: (rowid: number, { id, pubkey, createdAt, kind, member, position }: EventRow) => {
      const pubkeyType = integerType(pubkey);
      const timeType = integerType(createdAt);
      const kindType = integerType(kind);
      const memberType = integerType(member);
      const positionType = integerType(position);
      // The header has its own length and seven types, a byte each.
      const length =
        8 +
        ID_BYTES +
        integerBytes(pubkeyType) +
        integerBytes(timeType) +
        integerBytes(kindType) +
        integerBytes(memberType) +
        integerBytes(positionType);
      const cellBytes = 1 + sqliteVarintBytes(rowid) + length;
      let at = leaf.reserve(cellBytes);
      if (at === 0) {
        endLeaf();
        at = leaf.reserve(cellBytes);
      }
      const { page } = leaf;
      page[at] = length;
      at = writeSqliteVarint(page, at + 1, rowid);
      page[at] = 8;
      page[at + 1] = NULL_TYPE;
      page[at + 2] = ID_TYPE;
      page[at + 3] = pubkeyType;
      page[at + 4] = timeType;
      page[at + 5] = kindType;
      page[at + 6] = memberType;
      page[at + 7] = positionType;
      page.set(id, at + 8);
      at = writeInteger(page, at + 8 + ID_BYTES, pubkey, pubkeyType);
      at = writeInteger(page, at, createdAt, timeType);
      at = writeInteger(page, at, kind, kindType);
      at = writeInteger(page, at, member, memberType);
      writeInteger(page, at, position, positionType);
    },
    /** Moves them to their table. */
    write: (pages: PageWriter, root: number) => {
      endLeaf();
      flush();
      const tree = createTableTree(pages, root);
      let rowid = 0;
      // The table holds on to the last page of a block until the next one: there are two in turn.
      let [block, spare] = [gathered, Buffer.allocUnsafe(gathered.length)];
      for (let at = 0; at < size; at += gathered.length) {
        [block, spare] = [spare.subarray(0, Math.min(gathered.length, size - at)), block];
        readAt(file, block, at);
        for (let pageAt = 0; pageAt < block.length; pageAt += PAGE_BYTES) {
          const page = block.subarray(pageAt, pageAt + PAGE_BYTES);
          rowid += cellsOf(page);
          tree.add(page, rowid);
        }
      }
      tree.finish();
    },
    close: () => closeSync(file),
  };
}
