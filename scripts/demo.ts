// `npm start`: converts the inputs that are named, or a generated dump when none is, and shows what came out.
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { formatBytes } from "../cli/report/format.ts";
import { generateDump } from "./generator/generate.ts";

const OUTPUT = "out/archive";
const DUMP = "out/synthetic.jsonl";
const SETTINGS = { seed: "1", lines: 20_000, days: 7, duplicates: 0.05, invalid: 0.01 };

const inputs = process.argv.slice(2);
if (inputs.length === 0) {
  mkdirSync("out", { recursive: true });
  if (!existsSync(DUMP)) {
    console.log(`No input named: writing ${SETTINGS.lines} signed events to ${DUMP}`);
    await generateDump(DUMP, SETTINGS, availableParallelism());
  }
  inputs.push(DUMP);
}

const command = [
  process.execPath,
  "run",
  "cli/main.ts",
  "convert",
  ...inputs,
  "--output-dir",
  OUTPUT,
  "--validate-signatures",
];
console.log(`\n$ bun run convert ${command.slice(4).join(" ")}`);
const { exitCode } = Bun.spawnSync(command, { stdio: ["inherit", "inherit", "inherit"] });
if (exitCode === 0) {
  console.log(`\n${OUTPUT}:`);
  for (const name of readdirSync(OUTPUT).sort())
    console.log(`  ${formatBytes(statSync(join(OUTPUT, name)).size).padStart(8)}  ${name}`);
  console.log(`\nLook at ${OUTPUT}/report.html, or try:`);
  for (const line of [`query -a ${OUTPUT} --kinds 1 --limit 3`, `verify ${OUTPUT}`, `serve ${OUTPUT}`])
    console.log(`  npm run -s proton-beam -- ${line}`);
}
process.exit(exitCode);
