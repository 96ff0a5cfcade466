/** Readers of option values. Each throws an Error whose message says what is accepted. */

const UNITS: Record<string, number> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  t: 1e12,
  ti: 1024 ** 4,
};

/** `1234`, `64MiB`, `10MB`, `2.5TB` → bytes */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$/i.exec(text.trim());
  const bytes = match === null ? Number.NaN : Number(match[1]) * (UNITS[(match[2] ?? "").toLowerCase()] ?? Number.NaN);
  if (!Number.isSafeInteger(Math.round(bytes))) throw new Error(`"${text}" is no size; write for example 64MiB`);
  return Math.round(bytes);
}

/** `1,7,30000-39999` → ranges, both ends included */
export function parseKinds(text: string): [number, number][] {
  return text.split(",").map((part) => {
    const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part);
    if (match === null) throw new Error(`"${part}" is no kind; write for example 1,7,30000-39999`);
    const from = Number(match[1]);
    const to = match[2] === undefined ? from : Number(match[2]);
    if (to < from) throw new Error(`"${part}" ends before it starts`);
    return [from, to];
  });
}

/** `e,p,t,d` → the letters, sorted, each once (NIP-01: only tags named by one letter can be asked for) */
export function parseTagNames(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  const wrong = names.find((name) => !/^[a-zA-Z]$/.test(name));
  if (wrong !== undefined) throw new Error(`"${wrong}" is no letter; write for example e,p,t,d`);
  return [...new Set(names)].sort();
}

/** Unix seconds, or an ISO 8601 date or time (UTC unless it says otherwise) → Unix seconds */
export function parseTime(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  const ms = /^\d{4}-\d{2}(-\d{2})?/.test(text) ? Date.parse(withZone(text)) : Number.NaN;
  if (Number.isNaN(ms)) throw new Error(`"${text}" is no time; write Unix seconds, 2024-01-31 or 2024-01-31T12:00:00Z`);
  return Math.floor(ms / 1000);
}

/** ISO 8601 date-times without a zone are local time to JavaScript. */
function withZone(text: string): string {
  return text.includes("T") && !/(Z|[+-]\d{2}:?\d{2})$/i.test(text) ? `${text}Z` : text;
}
