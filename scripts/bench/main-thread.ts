import { type Bench, chunkBytesFor, convert, DEFAULT_CHUNK_BYTES } from "./bench.ts";
import type { Conversion } from "./conversion.ts";
import { count, milliseconds, percent } from "./table.ts";

const LARGEST_CHEAP_CHUNK = 64 * 1024;
const MANY_CORES = 64;
const GOAL = 0.03;

/**
 * What the main thread does for a chunk: seen by dividing an input into very many chunks, which cost the workers
 * little. From that follows how many workers it could feed.
 * @param ordinary a conversion of another input in chunks of ordinary size
 */
export async function measureMainThread(bench: Bench, input: string, ordinary: Conversion): Promise<void> {
  const { table } = bench;
  const chunkBytes = chunkBytesFor(input);
  const few = await convert(bench, input, { chunkBytes });
  const many = await convert(bench, input, { chunkBytes: Math.min(LARGEST_CHEAP_CHUNK, Math.ceil(chunkBytes / 10)) });
  const perChunk = (many.cpu.main - few.cpu.main) / (many.chunks - few.chunks);
  const { cpu, bytes } = ordinary;
  const workerPerChunk = ((cpu.total - cpu.main - cpu.index) / bytes) * DEFAULT_CHUNK_BYTES;
  const share = perChunk / (perChunk + workerPerChunk);

  table.section(`main thread, by ${few.chunks} and ${many.chunks} chunks of the same input, without signatures`);
  table.figure("main thread per chunk", perChunk, milliseconds);
  table.figure("workers per chunk of 64 MiB, map and reduce", workerPerChunk, milliseconds);
  table.figure("main thread's share of the work, by chunks", share, percent, { below: GOAL });
  table.figure("workers that keep the main thread busy", workerPerChunk / perChunk, count, { atLeast: MANY_CORES });
}
