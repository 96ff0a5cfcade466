import { type Loop, type LoopSpeed, prepareLoop, readSample, type Sample } from "./loops.ts";

declare const self: Worker;

let sample: Sample | null = null;

self.onmessage = ({ data }: MessageEvent<{ bytes: Uint8Array } | { loop: Loop; ms: number }>) => {
  if ("bytes" in data) {
    sample = readSample(data.bytes);
    self.postMessage({ events: sample.events.length });
    return;
  }
  if (sample === null) throw new Error("no sample");
  const run = prepareLoop(data.loop, sample);
  run();
  const started = performance.now();
  const cpu = process.threadCpuUsage();
  let rounds = 0;
  do {
    run();
    rounds++;
  } while (performance.now() - started < data.ms);
  const { user, system } = process.threadCpuUsage(cpu);
  const events = rounds * sample.events.length;
  const speed: LoopSpeed = {
    perSecond: events / ((performance.now() - started) / 1000),
    cpuSeconds: (user + system) / 1e6 / events,
  };
  self.postMessage(speed);
};
