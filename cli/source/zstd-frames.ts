/**
 * Follows the frames of a zstd stream (RFC 8878) without decompressing them, to tell whether it was cut short: the
 * decompressor of the runtime takes a stream that ends in the middle of a frame for whole.
 */
export interface ZstdFrames {
  add(bytes: Uint8Array): void;
  /** Whether the bytes so far end where a frame ends. */
  isWhole(): boolean;
}

type State = "magic" | "skippable" | "descriptor" | "header" | "block" | "data" | "last-data" | "checksum";

const HEADER_BYTES: Partial<Record<State, number>> = { magic: 4, skippable: 4, descriptor: 1, block: 3 };
const DICTIONARY_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];

export function createZstdFrames(): ZstdFrames {
  let state: State = "magic";
  /** Bytes of a field that is cut by the end of a piece. */
  let field: number[] = [];
  /** Bytes left of what need not be looked at. */
  let skip = 0;
  let hasChecksum = false;

  const endFrame = () => {
    state = "magic";
  };
  const endBlocks = () => {
    if (!hasChecksum) return endFrame();
    state = "checksum";
    skip = 4;
  };
  const take = (bytes: number[]) => {
    const value = bytes.reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
    if (state === "magic") {
      state = (value & 0xfffffff0) >>> 0 === 0x184d2a50 ? "skippable" : "descriptor";
    } else if (state === "skippable") {
      state = "header";
      skip = value;
      hasChecksum = false;
      afterHeader = "magic";
    } else if (state === "descriptor") {
      const singleSegment = (value >> 5) & 1;
      const contentSizeFlag = value >> 6;
      hasChecksum = ((value >> 2) & 1) === 1;
      skip = 1 - singleSegment + DICTIONARY_BYTES[value & 3];
      skip += contentSizeFlag === 0 ? singleSegment : CONTENT_SIZE_BYTES[contentSizeFlag];
      state = "header";
      afterHeader = "block";
    } else {
      const isLast = (value & 1) === 1;
      const isRepeated = ((value >> 1) & 3) === 1;
      skip = isRepeated ? 1 : value >> 3;
      state = isLast ? "last-data" : "data";
    }
  };
  let afterHeader: State = "block";
  /** Goes on from states whose bytes are skipped; several may be empty. */
  const settle = () => {
    while (skip === 0) {
      if (state === "header") state = afterHeader;
      else if (state === "data") state = "block";
      else if (state === "last-data") endBlocks();
      else if (state === "checksum") endFrame();
      else return;
    }
  };

  return {
    add: (bytes) => {
      for (let at = 0; at < bytes.length; ) {
        if (skip > 0) {
          const step = Math.min(skip, bytes.length - at);
          skip -= step;
          at += step;
        } else {
          field.push(bytes[at++]);
          if (field.length === HEADER_BYTES[state]) {
            take(field);
            field = [];
          }
        }
        settle();
      }
    },
    isWhole: () => state === "magic" && field.length === 0,
  };
}
