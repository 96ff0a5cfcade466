import { expect, test } from "bun:test";
import { runCli } from "../run/cli.ts";

/** All commands, as the program itself lists them. */
async function commands(): Promise<string[][]> {
  const list = async (...words: string[]) => {
    const { stdout } = await runCli(["--get-yargs-completions", "proton-beam", ...words, ""]);
    return stdout.split("\n").filter((line) => line !== "" && !line.startsWith("-"));
  };
  const top = (await list()).filter((name) => name !== "completion" && name !== "index");
  return [...top.map((name) => [name]), ...(await list("index")).map((name) => ["index", name])];
}

test("every command explains itself with examples that name it", async () => {
  const all = await commands();
  expect(all.length).toBeGreaterThan(12);
  for (const command of all) {
    const { stdout, exitCode } = await runCli([...command, "--help"]);
    expect([command, exitCode]).toEqual([command, 0]);
    const examples = stdout.split("Examples:\n")[1] ?? "";
    expect([command, examples.includes(`proton-beam ${command.join(" ")}`)]).toEqual([command, true]);
    // Every option says what it does.
    for (const line of stdout.split("\n")) expect(line).not.toMatch(/^\s+--[a-z-]+\s+\[/);
  }
}, 30_000);
