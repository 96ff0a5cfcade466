import { type DatasetConfig, MOST_HOURS } from "./schema.ts";

/** What a new dataset is to be; null is as by default. */
export interface DatasetWishes {
  source: DatasetConfig["source"];
  region: string | null;
  bucket: string | null;
  /** Options that are not as by default. */
  convert: NonNullable<DatasetConfig["convert"]>;
  instanceTypes: string[] | null;
  deadlineHours: number;
  purchase: "spot" | "on-demand";
  email: string | null;
}

/** The dataset file for it; what is as by default is left out. */
export function composeDataset(wishes: DatasetWishes): DatasetConfig {
  const { source, region, bucket, convert, instanceTypes, deadlineHours, purchase, email } = wishes;
  return {
    source,
    ...(bucket === null ? {} : { output: { bucket } }),
    ...(region === null ? {} : { region }),
    ...(Object.keys(convert).length === 0 ? {} : { convert }),
    ...(instanceTypes === null ? {} : { instance: { types: instanceTypes } }),
    deadlineHours,
    // A run may take its time, but not for ever.
    maxRunHours: Math.min(Math.max(Math.ceil(deadlineHours * 3), 72), MOST_HOURS),
    purchase,
    ...(email === null ? {} : { alarms: { email } }),
  };
}
