// `npm test`: type check, lint and tests. The last line is `N passed, N failed`.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const bin = (name: string) => join(root, "node_modules/.bin", name);

/** Of other programs, for minutes: they run beside the others. */
const WAITING = ["test/stacks/apply.test.ts"];

/** Tests assert what is done, not how fast: this only ends one that hangs, on a busy machine too. */
const PATIENCE = ["--timeout", "60000"];

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
const wanted = process.argv.slice(2);
if (wanted.length > 0) await countTests(runTests("Tests", wanted, "inherit"));
else {
  const files = [...new Bun.Glob("test/**/*.test.ts").scanSync(root)].sort();
  const output = join(folder, "waiting.log");
  const waiting = runTests("Tests that mostly wait", WAITING, Bun.file(output));
  await countTests(
    runTests(
      "Tests",
      files.filter((file) => !WAITING.includes(file)),
      "inherit",
    ),
  );
  await countTests(waiting);
  console.log(`\n# Tests that mostly wait, meanwhile\n${readText(output)}`);
}
rmSync(folder, { recursive: true });
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

interface TestRun {
  succeeds: Promise<boolean>;
  report: string;
}

function runTests(title: string, paths: string[], output: "inherit" | Bun.BunFile): TestRun {
  console.log(`\n# ${title}`);
  const report = join(folder, `${title}.xml`);
  const child = Bun.spawn(
    [process.execPath, "test", ...PATIENCE, "--reporter", "junit", "--reporter-outfile", report, ...paths],
    { cwd: root, stdio: ["ignore", output, output] },
  );
  return { succeeds: child.exited.then((code) => code === 0), report };
}

async function countTests({ succeeds, report }: TestRun): Promise<void> {
  const ok = await succeeds;
  const totals = /<testsuites[^>]* tests="(\d+)"[^>]* failures="(\d+)"[^>]* skipped="(\d+)"/.exec(readText(report));
  // A runner that died, or an error outside of the tests, must not look like a pass.
  if (totals === null) {
    failed++;
    return;
  }
  const [tests, failures, skipped] = totals.slice(1).map(Number);
  passed += tests - failures - skipped;
  failed += failures === 0 && !ok ? 1 : failures;
  if (skipped > 0) console.log(`\n${skipped} tests were skipped; the reasons are above`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
