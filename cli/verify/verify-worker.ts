import { serveTasks } from "../threads/serve.ts";
import { createVerifyRunner } from "./tasks.ts";

serveTasks(createVerifyRunner());
