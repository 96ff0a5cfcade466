import { packError, type ThreadError } from "./errors.ts";

declare const self: Worker;

export type Reply = { type: "done"; result: unknown } | { type: "failed"; error: ThreadError };

/** Makes this worker thread do the tasks that a pool hands to it, one at a time. */
export function serveTasks<Task>(run: (task: Task) => unknown): void {
  self.onmessage = async ({ data }: MessageEvent<Task>) => {
    let reply: Reply;
    try {
      reply = { type: "done", result: await run(data) };
    } catch (error) {
      reply = { type: "failed", error: packError(error) };
    }
    self.postMessage(reply);
  };
}
