import { type DatasetConfig, MOST_HOURS } from "../../cli/dataset/schema.ts";
import { formatBytes } from "../../cli/report/format.ts";
import type { Input } from "../../cli/source/inputs.ts";

/** What a person was asked for. Empty text is no answer. */
export interface Answers {
  urls: string[];
  size: string;
  region: string;
  bucket: string;
  validateSignatures: boolean;
  deadlineHours: number;
  purchase: "spot" | "on-demand";
  email: string;
}

/** How much larger the JSON Lines are than their compressed form; of relay dumps as they are found. */
const COMPRESSED_BY = 4;

export function sourceUrls(text: string): string[] {
  return text.split(/[\s,]+/).filter((url) => url !== "");
}

/** The file that the answers make; what is as by default is left out. */
export function datasetOf(answers: Answers): DatasetConfig {
  const { urls, size, region, bucket, validateSignatures, deadlineHours, purchase, email } = answers;
  return {
    $schema: "../dataset.schema.json",
    source: { urls, size },
    ...(bucket === "" ? {} : { output: { bucket } }),
    region,
    ...(validateSignatures ? {} : { convert: { validateSignatures } }),
    deadlineHours,
    // A run may take its time, but not for ever.
    maxRunHours: Math.min(Math.max(deadlineHours * 3, 72), MOST_HOURS),
    purchase,
    ...(email === "" ? {} : { alarms: { email } }),
  };
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
