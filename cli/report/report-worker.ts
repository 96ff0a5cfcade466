import { serveTasks } from "../threads/serve.ts";
import type { StatisticsTask } from "./at-end.ts";
import { readStatistics } from "./statistics.ts";

serveTasks(({ indexPath }: StatisticsTask) => readStatistics(indexPath));
