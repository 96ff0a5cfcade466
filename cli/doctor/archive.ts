import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { formatBytes, formatCount } from "../report/format.ts";
import { type Manifest, readManifest } from "../run/manifest.ts";
import { readPlan } from "../run/workspace.ts";
import { INDEX_FILE, MANIFEST_FILE, workLayout } from "../store/layout.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** What is in a local archive: its manifest, an unfinished run, and whether another process is at work on it. */
export function checkLocalArchive(folder: string): Finding[] {
  const findings = [describeManifest(folder, readManifest(join(folder, MANIFEST_FILE)))];
  const layout = workLayout(folder);
  const isAtWork = isLocked(layout.catalog);
  const isUnfinished = !isAtWork && readPlan(layout) !== null;
  if (isAtWork)
    findings.push(
      warning("archive", "another proton-beam is at work on it", "Wait for it before you convert into it."),
    );
  if (isUnfinished)
    findings.push(
      warning("archive", `${layout.root} holds an unfinished run`, "Repeat its command: it goes on where it stopped."),
    );
  // A run that is being published has the index in its place before the manifest.
  const hasNoManifest = !existsSync(join(folder, MANIFEST_FILE)) && existsSync(join(folder, INDEX_FILE));
  if (hasNoManifest && !isAtWork && !isUnfinished)
    findings.push(problem("archive", `${folder} has an index.db but no manifest.json`, `proton-beam repair ${folder}`));
  return findings;
}

/** What a manifest says, or that there is none. */
export function describeManifest(place: string, manifest: Manifest | null): Finding {
  if (manifest === null) return ok("archive", `${place} holds no archive yet`);
  const { events, days, files } = manifest;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return ok(
    "archive",
    `${place}: ${formatCount(events)} events of ${formatCount(days)} days, ${formatBytes(bytes)}, as its manifest says`,
  );
}

/** Whether a run holds the exclusive lock of the catalog (`run/catalog.ts`). Looks without taking a lock that would stop one. */
function isLocked(catalog: string): boolean {
  if (!existsSync(catalog)) return false;
  const db = new Database(catalog, { readonly: true });
  try {
    db.query("SELECT count(*) FROM sqlite_master").get();
    return false;
  } catch (error) {
    return errorCode(error) === "SQLITE_BUSY";
  } finally {
    db.close();
  }
}
