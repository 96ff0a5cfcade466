import { packError, type Reply, type Task } from "./protocol.ts";
import { createTaskRunner } from "./tasks.ts";

declare const self: Worker;

const run = createTaskRunner();

self.onmessage = async ({ data }: MessageEvent<Task>) => {
  let reply: Reply;
  try {
    reply = { type: "done", result: await run(data) };
  } catch (error) {
    reply = { type: "failed", error: packError(error) };
  }
  self.postMessage(reply);
};
