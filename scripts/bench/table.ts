const NAME_WIDTH = 66;
const VALUE_WIDTH = 16;
const GOAL_WIDTH = 12;

/** What a figure should be: at least this much, or less than this. */
export type Goal = { atLeast: number } | { below: number };

/** How a value is written, such as `0.87` or `1,234 events/s`. */
export type Format = (value: number) => string;

/** Lines of figures, each beside its goal if it has one. */
export interface Table {
  section(title: string): void;
  figure(name: string, value: number, format: Format, goal?: Goal): void;
  /** Says how many goals were met. */
  end(): void;
}

/** A table that is printed line by line. */
export function createTable(print: (line: string) => void): Table {
  let goals = 0;
  let missed = 0;
  const verdictOf = (value: number, goal: Goal) => {
    const isMet = "atLeast" in goal ? value >= goal.atLeast : value < goal.below;
    goals++;
    if (!isMet) missed++;
    return isMet ? "ok" : "MISSED";
  };
  return {
    section: (title) => print(`\n${title}`),
    figure: (name, value, format, goal) => {
      const start = `  ${name.padEnd(NAME_WIDTH)} ${format(value).padStart(VALUE_WIDTH)}`;
      if (goal === undefined) return print(start);
      const wanted = "atLeast" in goal ? `>= ${format(goal.atLeast)}` : `< ${format(goal.below)}`;
      print(`${start}   ${wanted.padEnd(GOAL_WIDTH)} ${verdictOf(value, goal)}`);
    },
    end: () => print(`\n${goals - missed} of ${goals} goals met`),
  };
}

export const ratio: Format = (value) => value.toFixed(2);
export const percent: Format = (value) => `${(value * 100).toFixed(value < 0.01 ? 2 : 1)} %`;
export const perSecond: Format = (value) => `${Math.round(value).toLocaleString("en-US")} /s`;
export const megabytesPerSecond: Format = (value) => `${(value / 1e6).toFixed(1)} MB/s`;
export const seconds: Format = (value) => `${value.toFixed(2)} s`;
export const milliseconds: Format = (value) => `${(value * 1000).toFixed(value < 0.1 ? 2 : 0)} ms`;
export const microseconds: Format = (value) => `${(value * 1e6).toFixed(2)} us`;
export const megabytes: Format = (value) => `${(value / 1e6).toFixed(0)} MB`;
export const count: Format = (value) => Math.round(value).toLocaleString("en-US");
