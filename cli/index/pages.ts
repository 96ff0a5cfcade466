import { writeAt } from "../store/blocks.ts";
import { createWriteBack } from "../store/write-back.ts";

/** Of a database with a page size as SQLite's own, 4 KiB. */
export const PAGE_BYTES = 4096;
const PAGES_AT_ONCE = 256;
/** SQLite locks bytes of this page: it must stay unused. */
const LOCK_PAGE = 2 ** 30 / PAGE_BYTES + 1;
const PAGE_COUNT_AT = 28;

/** Appends pages to a database file that nothing else has open. Page numbers count from 1. */
export interface PageWriter {
  /** @returns the number of the page */
  append(page: Buffer): number;
  /** Writes over a page that was there. */
  replace(number: number, page: Buffer): void;
  /** Writes what is gathered, and the number of pages to the header. Call it once, at the end. */
  finish(): void;
}

/** @param pages how many the file has */
export function createPageWriter(file: number, pages: number): PageWriter {
  const gathered = Buffer.allocUnsafe(PAGES_AT_ONCE * PAGE_BYTES);
  let used = 0;
  let count = pages;
  const written = createWriteBack(file, pages * PAGE_BYTES);
  const flush = () => {
    writeAt(file, gathered.subarray(0, used), count * PAGE_BYTES - used);
    written(used);
    used = 0;
  };
  const put = (page: Buffer) => {
    if (used === gathered.length) flush();
    used += page.copy(gathered, used);
    return ++count;
  };
  return {
    append: (page) => {
      if (count + 1 === LOCK_PAGE) put(Buffer.alloc(PAGE_BYTES));
      return put(page);
    },
    replace: (number, page) => writeAt(file, page, (number - 1) * PAGE_BYTES),
    finish: () => {
      flush();
      const header = Buffer.allocUnsafe(4);
      header.writeUInt32BE(count);
      writeAt(file, header, PAGE_COUNT_AT);
    },
  };
}
