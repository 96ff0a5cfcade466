import { dlopen, FFIType } from "bun:ffi";

/** Bytes that are left to gather: the disk writes long rows of blocks faster. */
const STEP_BYTES = 8 * 1024 ** 2;
const SYNC_FILE_RANGE_WRITE = 2;

const syncFileRange = loadSyncFileRange();

/**
 * Has the disk begin to write what is put into a file while more is being made, so that the fsync at its end, which still makes
 * sure of all of it, has little to wait for. Where the system does not offer it (sync_file_range(2)), nothing happens.
 * @returns to be told of the bytes that were appended
 */
export function createWriteBack(file: number, start = 0): (bytes: number) => void {
  let begun = start;
  let written = start;
  return (bytes) => {
    written += bytes;
    if (written - begun < STEP_BYTES) return;
    syncFileRange?.(file, begun, written - begun, SYNC_FILE_RANGE_WRITE);
    begun = written;
  };
}

function loadSyncFileRange() {
  const { i32, i64, u32 } = FFIType;
  try {
    return dlopen("libc.so.6", { sync_file_range: { args: [i32, i64, i64, u32], returns: i32 } }).symbols
      .sync_file_range;
  } catch {
    return null;
  }
}
