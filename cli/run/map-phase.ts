import { readdirSync } from "node:fs";
import { ProtonBeamError } from "../errors.ts";
import { chunkRanges, countBytes } from "../plan/plan.ts";
import { emptyPhase } from "../report/progress.ts";
import { addCounts, type Counts, emptyCounts, totalOf } from "../segment/counts.ts";
import type { SegmentFooter } from "../segment/segment.ts";
import { assertInputUnchanged } from "../source/file.ts";
import type { Input } from "../source/inputs.ts";
import type { ByteRange } from "../source/lines.ts";
import { spoolStream } from "../source/stream.ts";
import type { ChunkBytes, Task } from "./protocol.ts";
import type { Run } from "./run.ts";

type MapTask = Task & { type: "map" };

/** What the map made of all inputs. */
export interface MappedInputs {
  /** Counts with the duplicates within chunks only. */
  counts: Counts;
  segments: number;
  /** Segments that were there already. */
  reused: number;
  /** When the newest input was modified, Unix seconds; null when one is a stream. */
  modified: number | null;
}

/** Makes a segment of every chunk that has none yet, and enters all runs into the catalog. */
export async function mapInputs(run: Run): Promise<MappedInputs> {
  const { plan, catalog, pool, context, layout } = run;
  let counts = emptyCounts();
  let state = emptyPhase("bytes", countBytes(plan));
  let segments = 0;
  let reused = 0;
  const show = context.progress.phase("Reading", state);

  await pool.runAll(
    mapTasks(run),
    (result) => {
      const { footer } = result;
      segments++;
      if (result.reused) reused++;
      catalog.add(footer);
      counts = addCounts(counts, footer.counts);
      state = {
        ...state,
        done: counts.bytes,
        events: counts.events,
        rejected: totalOf(counts.rejected),
        reused: state.reused + (result.reused ? footer.counts.bytes : 0),
        reusedEvents: state.reusedEvents + (result.reused ? footer.counts.events : 0),
      };
      show(state);
      const { bytes, lines, events, duplicates, rejected } = footer.counts;
      context.log.debug(
        {
          chunk: footer.chunk,
          reused: result.reused,
          segmentBytes: sizeOf(footer),
          bytes,
          lines,
          events,
          duplicates,
          rejected,
        },
        "segment ready",
      );
    },
    context.signal,
  );
  if (!context.signal.aborted) {
    assertNoneBeyond(layout.segments, segments);
    for (const input of plan.inputs) assertInputUnchanged(input);
  }
  context.log.info({ segments, reused, counts }, "all chunks are mapped");
  const times = plan.inputs.map((input) => input.modified);
  const modified = times.every((time) => time !== null) ? Math.floor(Math.max(...times) / 1000) : null;
  return { counts, segments, reused, modified };
}

async function* mapTasks(run: Run): AsyncGenerator<MapTask> {
  const { plan, context, layout } = run;
  const { chunkBytes, maxLineBytes } = plan.options;
  let chunk = 0;
  for (const input of plan.inputs) {
    if (input.size !== null) {
      for (const range of chunkRanges(input.size, chunkBytes))
        yield mapTask(run, chunk++, input, range, { from: "file", input });
      continue;
    }
    const spooled = spoolStream(context.stdin(), chunkBytes, maxLineBytes, () => layout.spooled(chunk));
    for await (const { range, path } of spooled) yield mapTask(run, chunk++, input, range, { from: "spool", path });
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
function assertNoneBeyond(folder: string, segments: number): void {
  if (readdirSync(folder).length <= segments) return;
  throw new ProtonBeamError(
    `standard input ended after ${segments} chunks, but the unfinished run in ${folder} had read more. ` +
      "Pipe in the same bytes to go on, or remove the .proton-beam folder to start anew.",
  );
}
