/** Gives a stream of bytes in slices of chosen lengths, each again a stream. */
export interface Slicer {
  /** The bytes from where the last slice was left up to `end`; fewer when the stream ends before. */
  until(end: number): AsyncGenerator<Uint8Array>;
  /** Passes over what is left up to `end`. */
  skip(end: number): Promise<void>;
  /** Lets go of the stream, wherever it is. */
  close(): Promise<void>;
}

export function createSlicer(stored: AsyncIterable<Uint8Array>): Slicer {
  const source = stored[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  let position = 0;

  const until = async function* (end: number): AsyncGenerator<Uint8Array> {
    while (position < end) {
      if (rest.length === 0) {
        const next = await source.next();
        if (next.done) return;
        rest = next.value;
      }
      const piece = rest.subarray(0, end - position);
      rest = rest.subarray(piece.length);
      position += piece.length;
      yield piece;
    }
  };
  return {
    until,
    skip: async (end) => {
      for await (const _ of until(end));
    },
    close: async () => {
      await source.return?.();
    },
  };
}

/** Passes a stream on and takes its SHA-256. */
export function hashing(stored: AsyncIterable<Uint8Array>): {
  stream: AsyncGenerator<Uint8Array>;
  sha256: () => string;
} {
  const hash = new Bun.CryptoHasher("sha256");
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of stored) {
      hash.update(piece);
      yield piece;
    }
  };
  return { stream: stream(), sha256: () => hash.digest("hex") };
}
