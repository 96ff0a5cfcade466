/** Markup that is safe to send. */
export interface Html {
  readonly markup: string;
}

export type Content = Html | string | number | null | readonly Content[];

/** Markup as it is written, with all that is put into it escaped, be it text or the value of a quoted attribute. */
export function html(parts: TemplateStringsArray, ...values: Content[]): Html {
  return { markup: parts.map((part, i) => (i === 0 ? part : render(values[i - 1]) + part)).join("") };
}

function render(content: Content): string {
  if (content === null) return "";
  if (typeof content === "string") return Bun.escapeHTML(content);
  if (typeof content === "number") return String(content);
  return "markup" in content ? content.markup : content.map(render).join("");
}
