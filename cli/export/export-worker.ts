import { createS3Clients } from "../net/s3.ts";
import { serveTasks } from "../threads/serve.ts";
import { type ExportTasks, encodeGroup } from "./encode.ts";

const clients = createS3Clients();

serveTasks<ExportTasks["encode"]["task"]>((task) => encodeGroup(task, clients));
