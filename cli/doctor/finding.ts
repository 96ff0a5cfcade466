import { errorMessage } from "../errors.ts";
import { inTime } from "../net/link.ts";

/** `problem`: the program cannot do its work; `warning`: it can, but slower or less safely than it might. */
export type Level = "ok" | "warning" | "problem";

/** What a check found. */
export interface Finding {
  level: Level;
  /** What was looked at, such as `memory`. */
  about: string;
  text: string;
  /** What to do; null when there is nothing. */
  fix: string | null;
}

/** One thing that is looked at. A check that throws has found a problem. */
export interface Check {
  about: string;
  run: () => Finding[] | Promise<Finding[]>;
}

export const ok = (about: string, text: string): Finding => ({ level: "ok", about, text, fix: null });
export const warning = (about: string, text: string, fix: string): Finding => ({ level: "warning", about, text, fix });
export const problem = (about: string, text: string, fix: string | null): Finding => ({
  level: "problem",
  about,
  text,
  fix,
});

/** Does all checks, each for at most `timeoutMs`; none hides what the others find. The findings are in the order of the checks. */
export async function runChecks(checks: Check[], timeoutMs: number): Promise<Finding[]> {
  const found = checks.map(async ({ about, run }) => {
    try {
      return await inTime(Promise.resolve().then(run), timeoutMs);
    } catch (error) {
      return [problem(about, errorMessage(error), null)];
    }
  });
  return (await Promise.all(found)).flat();
}
