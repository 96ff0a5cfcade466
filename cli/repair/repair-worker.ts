import { createS3Clients } from "../net/s3.ts";
import type { TaskOf } from "../threads/pool.ts";
import { serveTasks } from "../threads/serve.ts";
import { createJudge, type Judge } from "../verify/judge.ts";
import type { RepairTasks } from "./protocol.ts";
import { remakeDay } from "./remake.ts";
import { salvageDay } from "./salvage.ts";

const clients = createS3Clients();
let judge: Promise<Judge> | null = null;

serveTasks(async (task: TaskOf<RepairTasks>) => {
  if (task.type === "remake") return remakeDay(task.job);
  // The rules are the same for all days of a repair.
  judge ??= createJudge(task.rules);
  return salvageDay(task.job, await judge, clients);
});
