import { writeVarint } from "../event/varint.ts";
import type { ContainerWriter } from "../store/container.ts";

/** Appends encoded events, `block[start..end)`, to the open section of a container, each after its length. */
export function createRecordWriter(container: ContainerWriter): (block: Buffer, start: number, end: number) => void {
  const delimiter = Buffer.allocUnsafe(8);
  return (block, start, end) => {
    const length = writeVarint(delimiter, 0, end - start);
    container.append(delimiter.subarray(0, length), block.subarray(start, end));
  };
}
