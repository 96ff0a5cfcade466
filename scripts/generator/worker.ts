import { createDumpWriter, type DumpSettings, type DumpWriter } from "./dump.ts";

declare const self: Worker;

let writer: DumpWriter | null = null;

self.onmessage = ({ data }: MessageEvent<{ settings: DumpSettings; from: number; to: number }>) => {
  writer ??= createDumpWriter(data.settings);
  const { bytes, tally } = writer.lines(data.from, data.to);
  const copy = new Uint8Array(bytes);
  self.postMessage({ bytes: copy, tally }, [copy.buffer]);
};
