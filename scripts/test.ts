// `npm test`: type check, lint and tests. The last line is `N passed, N failed`.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const bin = (name: string) => join(root, "node_modules/.bin", name);

function run(title: string, command: string[]): boolean {
  console.log(`\n# ${title}`);
  return Bun.spawnSync(command, { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).success;
}

let passed = 0;
let failed = 0;
const count = (ok: boolean) => {
  if (ok) passed++;
  else failed++;
};

count(run("Type check", [bin("tsc")]));
count(run("Lint", [bin("biome"), "check", "--error-on-warnings"]));

const folder = mkdtempSync(join(tmpdir(), "proton-beam-junit-"));
const report = join(folder, "junit.xml");
/** Tests assert what is done, not how fast: this only ends one that hangs, on a busy machine too. */
const patience = ["--timeout", "60000"];
const reporter = ["--reporter", "junit", "--reporter-outfile", report];
const ok = run("Tests", [process.execPath, "test", ...patience, ...reporter, ...process.argv.slice(2)]);
const totals = /<testsuites[^>]* tests="(\d+)"[^>]* failures="(\d+)"[^>]* skipped="(\d+)"/.exec(readReport());
rmSync(folder, { recursive: true });
const [tests, failures, skipped] = (totals ?? []).slice(1).map(Number);
// A runner that died, or an error outside of the tests, must not look like a pass.
if (totals === null) failed++;
else {
  passed += tests - failures - skipped;
  failed += failures === 0 && !ok ? 1 : failures;
  if (skipped > 0) console.log(`\n${skipped} tests were skipped; the reasons are above`);
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function readReport(): string {
  try {
    return readFileSync(report, "utf8");
  } catch {
    return "";
  }
}
