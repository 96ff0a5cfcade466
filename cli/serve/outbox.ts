/** The side of a WebSocket that sends. */
export interface Socket {
  send(text: string): unknown;
  /** Does all sending within `work` as one write. */
  cork(work: () => void): unknown;
  /** Bytes that the client's side did not take yet. */
  getBufferedAmount(): number;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** Sends to a client as fast as it reads. */
export interface Outbox {
  /** Short answers, at once. A client that asks on and on without reading them is given up. */
  answer(text: string): void;
  /** Messages of a query; to be called when there is room. */
  deliver(texts: string[]): void;
  /** Waits until the client has read nearly all, or is gone, or `signal` is aborted. Who reads next to nothing is given up. */
  room(signal: AbortSignal): Promise<void>;
  /** To be called when the client has read something. */
  drained(): void;
  closed(): void;
}

/** Where a query waits for its client. */
const FULL_BYTES = 128 * 1024;
/** A client that lets messages wait must read so much of them in time, lest it keeps its queries for ever by a byte now and then. */
const PROGRESS_BYTES = 64 * 1024;
const MAX_UNREAD_ANSWERS = 1000;

/** @param stallMs time without {@link PROGRESS_BYTES} after which a client is given up */
export function createOutbox(socket: Socket, stallMs: number): Outbox {
  let open = true;
  let unreadAnswers = 0;
  let change = Promise.withResolvers<void>();
  const signalChange = () => {
    change.resolve();
    change = Promise.withResolvers();
  };
  const isFull = () => socket.getBufferedAmount() > FULL_BYTES;
  let sent = 0;
  /** What the client had taken when it last made progress. */
  let mark = { taken: 0, at: performance.now() };
  const noteProgress = () => {
    const unread = socket.getBufferedAmount();
    const taken = sent - unread;
    if (unread === 0 || taken - mark.taken >= PROGRESS_BYTES) mark = { taken, at: performance.now() };
  };
  const send = (text: string) => {
    sent += Buffer.byteLength(text);
    socket.send(text);
  };

  return {
    answer: (text) => {
      if (!open) return;
      noteProgress();
      if (isFull()) unreadAnswers++;
      else unreadAnswers = 0;
      if (unreadAnswers > MAX_UNREAD_ANSWERS) socket.terminate();
      else send(text);
    },
    deliver: (texts) => {
      if (!open) return;
      noteProgress();
      socket.cork(() => {
        for (const text of texts) send(text);
      });
    },
    room: async (signal) => {
      while (open && isFull() && !signal.aborted) {
        noteProgress();
        const left = mark.at + stallMs - performance.now();
        if (left <= 0) return socket.terminate();
        const wake = Promise.withResolvers<void>();
        const wakeUp = () => wake.resolve();
        const timer = setTimeout(wakeUp, left);
        signal.addEventListener("abort", wakeUp);
        await Promise.race([change.promise, wake.promise]);
        clearTimeout(timer);
        signal.removeEventListener("abort", wakeUp);
      }
    },
    drained: () => {
      noteProgress();
      signalChange();
    },
    closed: () => {
      open = false;
      signalChange();
    },
  };
}
