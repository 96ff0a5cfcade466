import { beforeAll, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../run/cli.ts";

const MAIN = join(import.meta.dir, "../../cli/main.ts");
const folder = temporaryFolder();

/** Ends with the words that the shell would offer after `line`. */
const COMPLETE = `
source <(proton-beam completion)
COMP_LINE=$1; read -ra COMP_WORDS <<<"$1"; [[ $1 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_proton-beam_yargs_completions
printf '%s\\n' "\${COMPREPLY[@]}"
complete -p proton-beam`;

beforeAll(() => {
  writeFileSync(folder.join("proton-beam"), `#!/bin/sh\nexec '${process.execPath}' run '${MAIN}' "$@"\n`);
  chmodSync(folder.join("proton-beam"), 0o755);
});

function offered(line: string): { words: string[]; settings: string } {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["bash", "-c", COMPLETE, "bash", line], {
    env: { ...process.env, PATH: `${folder.path}:${process.env.PATH}`, SHELL: "/bin/bash" },
  });
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  const lines = stdout.toString().trim().split("\n");
  const settings = lines.pop() ?? "";
  return { words: lines.filter((word) => word !== ""), settings };
}

test("bash completes commands, options and their values", () => {
  expect(offered("proton-beam co").words).toEqual(["convert", "completion"]);
  expect(offered("proton-beam index ").words).toEqual(["rebuild"]);
  expect(offered("proton-beam convert --val").words).toEqual(["--validate-signatures", "--validate-event-ids"]);
  expect(offered("proton-beam convert --sse ").words).toContain("AES256");
});

test("bash completes files where no option is begun", () => {
  const { words, settings } = offered("proton-beam convert ");
  expect(words).toEqual([]);
  expect(settings).toContain("-o default");
});

test("the script for zsh is one that zsh would load", () => {
  const script = Bun.spawnSync(["proton-beam", "completion"], {
    env: { ...process.env, PATH: `${folder.path}:${process.env.PATH}`, SHELL: "/bin/zsh" },
  }).stdout.toString();
  expect(script).toStartWith("#compdef proton-beam\n");
  expect(script).toContain("proton-beam --get-yargs-completions");
});
