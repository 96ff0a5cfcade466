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
  /** Waits until the client has read nearly all, or is gone. Who does not read at all is given up. */
  room(): Promise<void>;
  /** To be called when the client has read something. */
  drained(): void;
  closed(): void;
}

/** Where a query waits for its client. */
const FULL_BYTES = 128 * 1024;
const MAX_UNREAD_ANSWERS = 1000;

/** @param stallMs time without progress after which a client is given up */
export function createOutbox(socket: Socket, stallMs: number): Outbox {
  let open = true;
  let unreadAnswers = 0;
  let change = Promise.withResolvers<"changed">();
  const signalChange = () => {
    change.resolve("changed");
    change = Promise.withResolvers();
  };
  const isFull = () => socket.getBufferedAmount() > FULL_BYTES;

  return {
    answer: (text) => {
      if (!open) return;
      if (isFull()) unreadAnswers++;
      else unreadAnswers = 0;
      if (unreadAnswers > MAX_UNREAD_ANSWERS) socket.terminate();
      else socket.send(text);
    },
    deliver: (texts) => {
      if (open)
        socket.cork(() => {
          for (const text of texts) socket.send(text);
        });
    },
    room: async () => {
      while (open && isFull()) {
        const before = socket.getBufferedAmount();
        const stall = Promise.withResolvers<"stalled">();
        const timer = setTimeout(() => stall.resolve("stalled"), stallMs);
        const what = await Promise.race([change.promise, stall.promise]);
        clearTimeout(timer);
        if (what === "stalled" && open && socket.getBufferedAmount() >= before) socket.terminate();
      }
    },
    drained: signalChange,
    closed: () => {
      open = false;
      signalChange();
    },
  };
}
