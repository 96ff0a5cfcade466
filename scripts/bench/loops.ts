import { encodeEvent, maxEncodedSize } from "../../cli/event/encode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { parseLine } from "../../cli/event/parse.ts";
import { loadNativeVerifier } from "../../cli/event/signature/native.ts";
import type { Verifier } from "../../cli/event/signature/verifier.ts";
import { wasmVerifier } from "../../cli/event/signature/wasm.ts";

/** The bare loops: what cannot be left out of a conversion, without reading, sorting or writing. */
export const LOOPS = ["verify", "JSON.parse", "gzip 6 of the input", "gzip 6 of the events"] as const;
export type Loop = (typeof LOOPS)[number];

/** How fast a loop is. */
export interface LoopSpeed {
  /** Events a second. */
  perSecond: number;
  /** CPU time of an event, seconds: a busy machine changes it less. */
  cpuSeconds: number;
}

const MEMBER_BYTES = 1024 ** 2;

/** What the loops run over: the valid events of a piece of a dump. */
export interface Sample {
  texts: string[];
  events: NostrEvent[];
  /** Their lines, one after another. */
  lines: Buffer;
  /** The events as daily files have them. */
  encoded: Buffer;
}

export function readSample(bytes: Uint8Array): Sample {
  const lines: Buffer[] = [];
  const events: NostrEvent[] = [];
  const dump = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < dump.length; ) {
    const newline = dump.indexOf(0x0a, at);
    const end = newline < 0 ? dump.length : newline + 1;
    const line = dump.subarray(at, end);
    const event = parseLine(line.subarray(0, line.at(-1) === 0x0a ? -1 : undefined));
    if (typeof event !== "string") {
      lines.push(line);
      events.push(event);
    }
    at = end;
  }
  const target = Buffer.allocUnsafe(maxEncodedSize(dump.length) + 1024 * events.length);
  let end = 0;
  for (const event of events) end = encodeEvent(event, target, end);
  return {
    texts: lines.map((line) => line.toString()),
    events,
    lines: Buffer.concat(lines),
    encoded: Buffer.from(target.subarray(0, end)),
  };
}

/**
 * What the bare loop verifies with: the host's libsecp256k1, one signature a call, whatever the program itself may
 * have that is faster; WebAssembly where there is none.
 */
export function bareVerifier(): Verifier {
  return loadNativeVerifier() ?? wasmVerifier;
}

/** The work of a loop over the whole sample, as a function to be timed. */
export function prepareLoop(loop: Loop, sample: Sample): () => void {
  switch (loop) {
    case "JSON.parse":
      return () => {
        for (const text of sample.texts) JSON.parse(text);
      };
    case "gzip 6 of the input":
      return () => gzip(sample.lines);
    case "gzip 6 of the events":
      return () => gzip(sample.encoded);
    case "verify": {
      const verifier = bareVerifier();
      const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
      const triples = sample.events.map(({ id, pubkey, sig }) => [bytes(id), bytes(pubkey), bytes(sig)] as const);
      return () => {
        for (const [id, pubkey, sig] of triples) verifier.verify(id, pubkey, sig);
      };
    }
  }
}

/** As daily files are written: members of 1 MiB by libdeflate. */
function gzip(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += MEMBER_BYTES)
    Bun.gzipSync(new Uint8Array(bytes.subarray(at, at + MEMBER_BYTES)), { level: 6, library: "libdeflate" });
}
