/** A column: its heading, and whether its cells are numbers, which stand to the right. */
export interface Column {
  heading: string;
  isNumber: boolean;
}

/** Rows of cells below their headings, in columns as wide as their widest cell. */
export function formatTable(columns: Column[], rows: string[][]): string {
  const widths = columns.map(({ heading }, i) => Math.max(heading.length, ...rows.map((row) => row[i].length)));
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => (columns[i].isNumber ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join(" │ ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("─┼─");
  return `${[line(columns.map(({ heading }) => heading)), rule, ...rows.map(line)].join("\n")}\n`;
}
