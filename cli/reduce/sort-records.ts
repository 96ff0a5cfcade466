import { splitRecords } from "../archive/day-stream.ts";
import { errorMessage, ProtonBeamError } from "../errors.ts";
import { dayName, dayOf } from "../event/date.ts";
import { decodeEvent } from "../event/decode.ts";
import { encodeEvent } from "../event/encode.ts";
import type { NostrEvent } from "../event/event.ts";
import { createArena } from "../segment/arena.ts";
import { createRecordWriter } from "../segment/record-writer.ts";
import { createContainer } from "../store/container.ts";
import type { RunSource } from "./reduce.ts";

/** Events that are sorted at once, bytes. */
const RUN_BYTES = 64 * 1024 ** 2;
const ID = /^[0-9a-f]{64}$/;
const SIGNATURE = /^[0-9a-f]{128}$/;

/**
 * Makes sorted runs of the events of a day, for {@link reduceDay}: encodes each anew as this program does, and sorts what
 * fits into memory (64 MiB) at once. Of equal events in a run one is kept, but its `events` counts all, so that `reduceDay`
 * finds all duplicates.
 * @param records blocks of whole delimited events, in any order and of any tool's encoding
 * @param scratchPath the container that the runs are written to
 * @throws {ProtonBeamError} when something is no event, or an event is of another day
 */
export async function sortRecords(
  records: AsyncIterable<Buffer>,
  day: number,
  scratchPath: string,
): Promise<RunSource[]> {
  const arena = createArena();
  const container = createContainer(scratchPath);
  const append = createRecordWriter(container);
  const runs: RunSource[] = [];
  let bytes = 0;
  let events = 0;
  const endRun = () => {
    if (events === 0) return;
    arena.forEachUnique((_, slab, start, end) => append(slab, start, end));
    runs.push({ path: scratchPath, section: container.endSection(), events });
    arena.clear();
    bytes = 0;
    events = 0;
  };
  try {
    for await (const block of records) {
      for (const { start, end } of splitRecords(block)) {
        const event = readEvent(block.subarray(start, end), day);
        const encode = (target: Buffer, offset: number) => encodeEvent(event, target, offset);
        arena.add({ createdAt: event.created_at, encode }, end - start);
        bytes += end - start;
        events++;
        if (bytes >= RUN_BYTES) endRun();
      }
    }
    endRun();
    container.commit(null);
    return runs;
  } catch (error) {
    container.abort();
    throw error;
  }
}

function readEvent(record: Buffer, day: number): NostrEvent {
  const event = decode(record, day);
  const { id, pubkey, sig, created_at } = event;
  if (!ID.test(id) || !ID.test(pubkey) || !SIGNATURE.test(sig))
    throw new ProtonBeamError(
      `an event of ${dayName(day)} has no proper id, pubkey or sig: ${JSON.stringify({ id, pubkey, sig, created_at })}`,
    );
  if (dayOf(created_at) !== day)
    throw new ProtonBeamError(`the event ${id} is among those of ${dayName(day)}, but its created_at is ${created_at}`);
  return event;
}

function decode(record: Buffer, day: number): NostrEvent {
  try {
    return decodeEvent(record);
  } catch (cause) {
    throw new ProtonBeamError(`what is among the events of ${dayName(day)} is no event: ${errorMessage(cause)}`);
  }
}
