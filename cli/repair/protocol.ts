import type { EventRules } from "../verify/judge.ts";
import type { RemadeDay, RemakeDay } from "./remake.ts";
import type { SalvageDay, Salvaged } from "./salvage.ts";

/** What the threads of a repair do. */
export type RepairTasks = {
  salvage: { task: { job: SalvageDay; rules: EventRules }; result: Salvaged };
  remake: { task: { job: RemakeDay }; result: RemadeDay };
};

/** The module of these threads. */
export const REPAIR_WORKER = new URL("./repair-worker.ts", import.meta.url);
