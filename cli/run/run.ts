import type { S3Clients } from "../net/s3.ts";
import type { Plan } from "../plan/plan.ts";
import type { Logger } from "../report/log.ts";
import type { Meter } from "../report/metrics.ts";
import type { Progress } from "../report/progress.ts";
import type { StatusReport } from "../report/status.ts";
import type { Source } from "../source/source.ts";
import type { WorkLayout } from "../store/layout.ts";
import type { Pool } from "../threads/pool.ts";
import type { ArchiveStore } from "./archive-store.ts";
import type { Catalog } from "./catalog.ts";
import type { Manifest } from "./manifest.ts";
import type { ConvertTasks } from "./protocol.ts";

/** What a run reports to and is steered by. */
export interface RunContext {
  log: Logger;
  progress: Progress;
  meter: Meter;
  status: StatusReport;
  /** Told of the archive that is about to be published, while its index is still among the work. */
  publishing: (manifest: Manifest, indexPath: string) => Promise<void>;
  /** Aborted when the run is to stop and leave the rest to the next one. */
  signal: AbortSignal;
  stdin: () => AsyncIterable<Uint8Array>;
  clients: S3Clients;
}

/** What the phases of one run share. */
export interface Run {
  plan: Plan;
  /** The inputs of the plan, in its order. */
  sources: Source[];
  store: ArchiveStore;
  fingerprint: string;
  outputDir: string;
  layout: WorkLayout;
  manifest: Manifest | null;
  catalog: Catalog;
  pool: Pool<ConvertTasks>;
  context: RunContext;
}
