import { encodeEvent, maxEncodedSize } from "../../cli/event/encode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { hasValidId } from "../../cli/event/id.ts";
import { parseLine } from "../../cli/event/parse.ts";
import { selectVerifier } from "../../cli/event/signature/select.ts";

/** The raw limits: one step of the pipeline alone, without reading, sorting or writing. */
export const LOOPS = [
  "JSON.parse",
  "gzip 6",
  "JSON.parse + gzip 6",
  "verify",
  "parse line",
  "check id",
  "encode",
  "zstd 1",
] as const;
export type Loop = (typeof LOOPS)[number];

const MEMBER_BYTES = 1024 ** 2;

/** What the loops run over: the valid events of a piece of a dump. */
export interface Sample {
  lines: Uint8Array[];
  texts: string[];
  events: NostrEvent[];
  encoded: Buffer;
}

export function readSample(bytes: Uint8Array): Sample {
  const sample: Sample = { lines: [], texts: [], events: [], encoded: Buffer.alloc(0) };
  const dump = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < dump.length; ) {
    const newline = dump.indexOf(0x0a, at);
    const end = newline < 0 ? dump.length : newline;
    const line = dump.subarray(at, end);
    const event = line.length > 0 ? parseLine(line) : "not-an-event";
    if (typeof event !== "string") {
      sample.lines.push(line);
      sample.texts.push(line.toString());
      sample.events.push(event);
    }
    at = end + 1;
  }
  const target = Buffer.allocUnsafe(maxEncodedSize(dump.length) + 1024 * sample.events.length);
  let end = 0;
  for (const event of sample.events) end = encodeEvent(event, target, end);
  sample.encoded = Buffer.from(target.subarray(0, end));
  return sample;
}

/** The work of a loop over the whole sample, as a function to be timed. */
export async function prepareLoop(loop: Loop, sample: Sample): Promise<() => void> {
  const gzip = () => eachMember(sample.encoded, (bytes) => Bun.gzipSync(bytes, { level: 6, library: "libdeflate" }));
  const parse = () => {
    for (const text of sample.texts) JSON.parse(text);
  };
  switch (loop) {
    case "JSON.parse":
      return parse;
    case "gzip 6":
      return gzip;
    case "JSON.parse + gzip 6":
      return () => {
        parse();
        gzip();
      };
    case "zstd 1":
      return () => eachMember(sample.encoded, (bytes) => Bun.zstdCompressSync(bytes, { level: 1 }));
    case "parse line":
      return () => {
        for (const line of sample.lines) parseLine(line);
      };
    case "check id":
      return () => {
        for (const event of sample.events) hasValidId(event);
      };
    case "encode": {
      const target = Buffer.allocUnsafe(sample.encoded.length + maxEncodedSize(1024 ** 2));
      return () => {
        let end = 0;
        for (const event of sample.events) end = encodeEvent(event, target, end);
      };
    }
    case "verify": {
      const verifier = await selectVerifier();
      const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
      const triples = sample.events.map(({ id, pubkey, sig }) => [bytes(id), bytes(pubkey), bytes(sig)] as const);
      return () => {
        for (const [id, pubkey, sig] of triples) verifier.verify(id, pubkey, sig);
      };
    }
  }
}

function eachMember(bytes: Buffer, use: (member: Uint8Array<ArrayBuffer>) => void): void {
  for (let at = 0; at < bytes.length; at += MEMBER_BYTES) use(new Uint8Array(bytes.subarray(at, at + MEMBER_BYTES)));
}
