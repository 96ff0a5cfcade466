import { EXIT, ProtonBeamError } from "../../cli/errors.ts";
import { serveTasks } from "../../cli/threads/serve.ts";

/** Tasks of the tests: answers after a while, or fails, or ends the thread. */
export type EchoTasks = {
  echo: { task: { n: number; ms: number; fails: boolean; ends?: boolean }; result: number };
};

if (!Bun.isMainThread)
  serveTasks(async ({ n, ms, fails, ends }: EchoTasks["echo"]["task"]) => {
    await Bun.sleep(ms);
    if (ends) process.exit(0);
    if (fails) throw new ProtonBeamError(`no ${n}`, EXIT.resumable);
    return n * 10;
  });
