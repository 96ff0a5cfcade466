import { readdirSync } from "node:fs";
import { ProtonBeamError } from "../errors.ts";
import { chunkBytesOf, chunkRanges, countBytes } from "../plan/plan.ts";
import { emptyPhase } from "../report/progress.ts";
import { addCounts, type Counts, emptyCounts, totalOf } from "../segment/counts.ts";
import type { SegmentFooter } from "../segment/segment.ts";
import type { Input } from "../source/inputs.ts";
import type { ByteRange } from "../source/lines.ts";
import { assertUnchanged, readStream } from "../source/read.ts";
import { isSeekable } from "../source/source.ts";
import { spoolStream } from "../source/stream.ts";
import type { ChunkBytes, Task } from "./protocol.ts";
import type { Run } from "./run.ts";

type MapTask = Task<"map">;

/** What the map made of all inputs. */
export interface MappedInputs {
  /** Counts with the duplicates within chunks only. */
  counts: Counts;
  /** Segments that were there already. */
  reused: number;
  /** When the newest input was modified, Unix seconds; null when one is a stream. */
  modified: number | null;
}

/** Makes a segment of every chunk that has none yet, and enters all runs into the catalog. */
export async function mapInputs(run: Run): Promise<MappedInputs> {
  const { plan, catalog, pool, context, store } = run;
  let counts = emptyCounts();
  let state = emptyPhase("bytes", countBytes(plan));
  let reused = 0;
  const show = context.progress.phase("Reading", state);
  const take = (footer: SegmentFooter, isReused: boolean) => {
    catalog.add(footer);
    counts = addCounts(counts, footer.counts);
    if (isReused) reused++;
    else {
      const { bytes, events, rejected } = footer.counts;
      context.meter.count({ bytes, handled: events, rejected: totalOf(rejected) });
    }
    state = {
      ...state,
      done: counts.bytes,
      events: counts.events,
      rejected: totalOf(counts.rejected),
      reused: state.reused + (isReused ? footer.counts.bytes : 0),
      reusedEvents: state.reusedEvents + (isReused ? footer.counts.events : 0),
    };
    show(state);
  };

  for await (const footer of store.keptSegments(run.fingerprint)) take(footer, true);
  if (reused > 0) context.log.info({ segments: reused }, "segments were taken up");
  const planned = { chunks: 0 };
  await pool.runAll(
    mapTasks(run, planned),
    async ({ footer, reused: isReused }) => {
      context.meter.count({ steps: 1 });
      if (footer === null) return;
      take(footer, isReused);
      const { bytes, lines, events, duplicates, rejected } = footer.counts;
      context.log.debug(
        {
          chunk: footer.chunk,
          reused: isReused,
          segmentBytes: sizeOf(footer),
          bytes,
          lines,
          events,
          duplicates,
          rejected,
        },
        "segment ready",
      );
      await store.keepSegment(footer.chunk);
    },
    context.signal,
  );
  if (!context.signal.aborted) {
    assertNoneBeyond(run, planned.chunks);
    for (const source of run.sources) await assertUnchanged(source, context.clients);
  }
  await store.settle();
  const segments = planned.chunks;
  context.log.info({ segments, reused, counts }, "all chunks are mapped");
  const times = plan.inputs.map((input) => input.modified);
  const modified = times.every((time) => time !== null) ? Math.floor(Math.max(...times) / 1000) : null;
  return { counts, reused, modified };
}

/** @param planned counts the chunks, those included that need no task */
async function* mapTasks(run: Run, planned: { chunks: number }): AsyncGenerator<MapTask> {
  const { plan, context, layout, catalog } = run;
  const chunkBytes = chunkBytesOf(plan);
  for (const source of run.sources) {
    const { input } = source;
    if (isSeekable(source)) {
      for (const range of chunkRanges(input.size ?? 0, chunkBytes)) {
        const chunk = planned.chunks++;
        if (catalog.contentHash(chunk) === undefined)
          yield mapTask(run, chunk, input, range, { from: "source", source });
      }
      continue;
    }
    const content = readStream(source, context.stdin, context.clients);
    const spooled = spoolStream(content, chunkBytes, plan.options.maxLineBytes, () => layout.spooled(planned.chunks));
    for await (const { range, path } of spooled) {
      const chunk = planned.chunks++;
      const knownHash = catalog.contentHash(chunk) ?? null;
      yield mapTask(run, chunk, input, range, { from: "spool", path, knownHash });
    }
  }
}

function mapTask(
  { layout, fingerprint, plan }: Run,
  chunk: number,
  input: Input,
  range: ByteRange,
  bytes: ChunkBytes,
): MapTask {
  const segmentPath = layout.segment(chunk);
  const { options } = plan;
  return {
    type: "map",
    job: { chunk, range, source: input.name, segmentPath, fingerprint, options },
    bytes,
  };
}

function sizeOf({ runs, rejects }: SegmentFooter): number {
  return runs.reduce((sum, { length }) => sum + length, rejects.length);
}

/** A stream that ends sooner than in the unfinished run leaves segments that belong to no chunk. */
function assertNoneBeyond({ layout, catalog }: Run, chunks: number): void {
  const onDisk = readdirSync(layout.segments).filter((name) => Number.parseInt(name, 10) >= chunks);
  if (onDisk.length === 0 && catalog.lastChunk() < chunks) return;
  throw new ProtonBeamError(
    `the input ended after ${chunks} chunks, but the unfinished run had read more. ` +
      "Give the same bytes to go on, or remove the .proton-beam folder of the output to start anew.",
  );
}
