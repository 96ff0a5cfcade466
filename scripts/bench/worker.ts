import { type Loop, prepareLoop, readSample, type Sample } from "./loops.ts";

declare const self: Worker;

let sample: Sample | null = null;

self.onmessage = async ({ data }: MessageEvent<{ bytes: Uint8Array } | { loop: Loop; ms: number }>) => {
  if ("bytes" in data) {
    sample = readSample(data.bytes);
    self.postMessage({ events: sample.events.length });
    return;
  }
  if (sample === null) throw new Error("no sample");
  const run = await prepareLoop(data.loop, sample);
  run();
  const started = performance.now();
  let rounds = 0;
  do {
    run();
    rounds++;
  } while (performance.now() - started < data.ms);
  self.postMessage({ perSecond: (rounds * sample.events.length) / ((performance.now() - started) / 1000) });
};
