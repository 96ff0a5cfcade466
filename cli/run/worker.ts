import { serveTasks } from "../threads/serve.ts";
import { createTaskRunner } from "./tasks.ts";

serveTasks(createTaskRunner());
