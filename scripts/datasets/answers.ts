import { formatBytes } from "../../cli/report/format.ts";
import type { Input } from "../../cli/source/inputs.ts";

/** How much larger the JSON Lines are than their compressed form; of relay dumps as they are found. */
const COMPRESSED_BY = 4;

export function sourceUrls(text: string): string[] {
  return text.split(/[\s,]+/).filter((url) => url !== "");
}

/** Bytes of JSON Lines in inputs, as far as their sizes tell, and what is to be said of it. */
export function uncompressedSize(inputs: Input[]): { bytes: number | null; note: string } {
  const files = inputs.length === 1 ? "1 file" : `${inputs.length} files`;
  let bytes = 0;
  let guessed = false;
  for (const { size, compression } of inputs) {
    if (size === null) return { bytes: null, note: `${files}, whose size is not known` };
    guessed ||= compression !== "none";
    bytes += compression === "none" ? size : size * COMPRESSED_BY;
  }
  const note = guessed ? `, taking compressed ones for ${COMPRESSED_BY} times their size` : "";
  return { bytes, note: `${files}, ${formatBytes(bytes)}${note}` };
}
