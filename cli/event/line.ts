import { encodeEvent } from "./encode.ts";
import type { NostrEvent } from "./event.ts";
import { hasValidId } from "./id.ts";
import { parseLine } from "./parse.ts";
import type { RejectReason } from "./reject.ts";

/** Reads the lines of a dump one at a time; what it says is of the last line read. */
export interface LineReader {
  /**
   * Reads `block[start..end)`: null when it is an event, else what about its form is wrong, as `parseLine` says it.
   * `isUtf8`: the caller knows that the bytes are valid UTF-8. The bytes must not change while the event is used.
   */
  read(block: Buffer, start: number, end: number, isUtf8: boolean): RejectReason | null;
  readonly createdAt: number;
  readonly kind: number;
  /** As `hasValidId` of the event. */
  hasValidId(): boolean;
  /** Writes id (32 bytes), pubkey (32) and sig (64). */
  copyKeys(target: Buffer, offset: number): void;
  /** As `encodeEvent`, the same bytes: returns the offset behind them. Room: see `maxEncodedSize(end - start)`. */
  encode(target: Buffer, offset: number): number;
}

export function createLineReader(): LineReader {
  let event: NostrEvent | null = null;
  const current = (): NostrEvent => {
    if (event === null) throw new Error("no event was read");
    return event;
  };
  return {
    read: (block, start, end) => {
      const result = parseLine(block.subarray(start, end));
      event = typeof result === "string" ? null : result;
      return typeof result === "string" ? result : null;
    },
    get createdAt() {
      return current().created_at;
    },
    get kind() {
      return current().kind;
    },
    hasValidId: () => hasValidId(current()),
    copyKeys: (target, offset) => {
      const { id, pubkey, sig } = current();
      target.write(id + pubkey + sig, offset, "hex");
    },
    encode: (target, offset) => encodeEvent(current(), target, offset),
  };
}
