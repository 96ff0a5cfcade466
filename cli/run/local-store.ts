import { existsSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { syncFolder, writeAtomically } from "../store/atomic.ts";
import { INDEX_FILE, MANIFEST_FILE, REJECTED_FILE, REPORT_FILE, type WorkLayout } from "../store/layout.ts";
import type { ArchiveStore } from "./archive-store.ts";
import { assertIndexFits } from "./existing-index.ts";
import { readManifest, writeManifest } from "./manifest.ts";
import { assertNoStrangers } from "./workspace.ts";

/** An archive in a directory of this machine. */
export function createLocalStore(outputDir: string, layout: WorkLayout): ArchiveStore {
  const manifestPath = join(outputDir, MANIFEST_FILE);
  return {
    place: outputDir,
    bucket: null,
    open: async () => readManifest(manifestPath),
    keptPlan: () => null,
    claim: async (_plan, manifest) => {
      // A run that was killed while publishing may have replaced the index.
      if (existsSync(layout.plan)) return;
      if (manifest === null) assertNoStrangers(outputDir, readdirSync(outputDir));
      else assertIndexFits(join(outputDir, INDEX_FILE), manifest, outputDir);
    },
    existingIndex: join(outputDir, INDEX_FILE),
    existingRejects: join(outputDir, REJECTED_FILE),
    fitsOnDisk: () => {},
    keptSegments: async function* () {},
    keepSegment: async () => {},
    settle: async () => {},
    keptDay: () => ({ fileKey: "", hasRows: false }),
    keepDay: async () => {},
    indexed: () => {},
    // A run that is killed in the middle is repeated by the next one: it finds each file either here or there.
    publish: async (made, manifest) => {
      for (const { path } of made) {
        const staged = path === INDEX_FILE || path === REJECTED_FILE ? layout.root : layout.days;
        if (existsSync(join(staged, path))) renameSync(join(staged, path), join(outputDir, path));
      }
      syncFolder(outputDir);
      writeManifest(manifestPath, manifest);
    },
    tidy: async () => {},
    keepReport: async (html) => writeAtomically(join(outputDir, REPORT_FILE), (file) => file.write(Buffer.from(html))),
    close: async () => {},
  };
}
