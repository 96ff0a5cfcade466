import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { addTally, type DumpSettings, emptyTally, type Tally } from "./dump.ts";

const LINES_PER_BLOCK = 2048;

/** What `PATH.expected.json` says of a generated dump. */
export interface Expected extends Tally {
  settings: DumpSettings;
  bytes: number;
}

/** Where the expected counts of a dump are written. */
export function expectedPath(path: string): string {
  return `${path}.expected.json`;
}

/** Writes a dump and, beside it, what a converter must find in it. */
export async function generateDump(path: string, settings: DumpSettings, parallel: number): Promise<Expected> {
  const expected: Expected = { settings, bytes: 0, ...emptyTally() };
  const file = openSync(path, "w");
  const blocks = Math.ceil(settings.lines / LINES_PER_BLOCK);
  const workers = Array.from(
    { length: Math.min(parallel, blocks) },
    () => new Worker(new URL("./worker.ts", import.meta.url).href),
  );
  const ask = (worker: Worker, block: number) =>
    new Promise<{ bytes: Uint8Array; tally: Tally }>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      const from = block * LINES_PER_BLOCK;
      worker.postMessage({ settings, from, to: Math.min(from + LINES_PER_BLOCK, settings.lines) });
    });
  try {
    // Each worker makes every n-th block, one ahead of the writing.
    const next = workers.map((worker, block) => ask(worker, block));
    for (let block = 0; block < blocks; block++) {
      const slot = block % workers.length;
      const { bytes, tally } = await next[slot];
      if (block + workers.length < blocks) next[slot] = ask(workers[slot], block + workers.length);
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      expected.bytes += bytes.length;
      addTally(expected, tally);
    }
  } finally {
    closeSync(file);
    for (const worker of workers) worker.terminate();
  }
  writeFileSync(expectedPath(path), `${JSON.stringify(expected, null, 2)}\n`);
  return expected;
}
