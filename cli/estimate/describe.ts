import { FAMILIES } from "../dataset/sizing.ts";
import { REJECT_REASONS, type RejectReason } from "../event/reject.ts";
import { formatBytes, formatCount, formatDay, formatDuration, formatTallies } from "../report/format.ts";
import { formatTable } from "../report/table.ts";
import type { EstimateReport } from "./estimate.ts";
import type { Estimate, Totals } from "./extrapolate.ts";

const HOUR_MS = 3_600_000;
const LABEL_WIDTH = 12;

/** A report as a person reads it. */
export function describeEstimate(report: EstimateReport): string {
  const { totals } = report;
  const lines = [
    row("input", describeInput(report)),
    row("lines", approximate(totals.lines)),
    row("events", `${approximate(totals.events)}  different ones, which the archive will hold`),
    row("duplicates", describeDuplicates(totals)),
    row("rejected", `${approximate(totals.rejected)}${describeReasons(totals)}`),
    ...(totals.filtered === 0 ? [] : [row("left out", `${formatCount(totals.filtered)} by the options`)]),
    row("created", describeTimes(totals)),
    row(
      "archive",
      `${formatBytes(totals.dailyBytes + totals.indexBytes)}: daily files ${formatBytes(totals.dailyBytes)}, index ${formatBytes(totals.indexBytes)}`,
    ),
    row("work disk", `${formatBytes(totals.disk.total)} at the peak, the archive included`),
    row("here", describeHere(report)),
    ...describeStreams(report),
  ];
  return `${lines.join("\n")}\n\n${describeOffers(report)}`;
}

function row(label: string, text: string): string {
  return label.padEnd(LABEL_WIDTH) + text;
}

function approximate({ value, plusMinus }: Estimate): string {
  if (plusMinus === 0) return formatCount(value);
  return plusMinus === null ? `about ${formatCount(value)}` : `${formatCount(value)} ± ${formatCount(plusMinus)}`;
}

function describeInput({ inputs, storedBytes, streams, totals }: EstimateReport): string {
  const files = inputs === 1 ? "1 file" : `${formatCount(inputs)} files`;
  const size = streams === null ? "" : `, about ${formatBytes(totals.bytes)} of JSON Lines`;
  const read = totals.isWhole ? "read whole" : `a sample of ${formatBytes(totals.sampledBytes)} was read`;
  return `${files}, ${formatBytes(storedBytes)}${size}; ${read}`;
}

function describeDuplicates({ duplicates, lines, isWhole }: Totals): string {
  const share = lines.value === 0 ? 0 : (duplicates / lines.value) * 100;
  const text = `${formatCount(duplicates)} (${share.toFixed(1)}%)`;
  return isWhole ? text : `${text} or more: those far apart do not show in a sample; events and sizes are then smaller`;
}

function describeReasons({ reasons }: Totals): string {
  const known = Object.keys(REJECT_REASONS).filter((reason): reason is RejectReason => reason in reasons);
  return known.length === 0 ? "" : `  in the sample: ${formatTallies(reasons)}`;
}

function describeTimes({ times, days, isWhole }: Totals): string {
  if (times === null) return "no event in the sample";
  const day = (time: number) => formatDay(time * 1000);
  const range = `${day(times.first)} to ${day(times.last)}`;
  const count = days === 1 ? "1 day" : `${formatCount(days)} days`;
  if (isWhole) return `${range}, ${count}`;
  return `${range} in the sample, 98% from ${day(times.from)} to ${day(times.to)}; about ${count}`;
}

function describeHere({ here }: EstimateReport): string {
  const { cores, hours, bytesPerSecondPerCore, verifier } = here;
  const check = verifier === null ? "signatures not checked" : `signatures by ${verifier}`;
  const threads = cores === 1 ? "1 thread" : `${cores} threads`;
  return `roughly ${formatDuration(hours * HOUR_MS)} on this machine, if it does nothing else: ${threads}, ${formatBytes(bytesPerSecondPerCore)}/s each, ${check}`;
}

function describeStreams({ streams }: EstimateReport): string[] {
  if (streams === null) return [];
  const { inputs, hours, bytesPerSecond } = streams;
  const what =
    inputs === 1 ? "1 input is one stream" : `${formatCount(inputs)} inputs are streams, read one after another`;
  return [
    row(
      "streams",
      `${what}: ${formatDuration(hours * HOUR_MS)} at ${formatBytes(bytesPerSecond)}/s of JSON Lines, whatever the number of processors,`,
    ),
    row("", "if the source sends so fast; what follows their beginnings may be otherwise"),
  ];
}

function describeOffers({ offers, recommendation, deadlineHours, volumeGiB, s3, prices }: EstimateReport): string {
  const shown = offers.filter(({ type, architecture }) => type.startsWith(`${FAMILIES[architecture][0]}.`));
  const table = formatTable(
    [
      { heading: "instance", isNumber: false },
      { heading: "vCPUs", isNumber: true },
      { heading: "time", isNumber: true },
      { heading: `spot ${prices.currency}`, isNumber: true },
      { heading: `on-demand ${prices.currency}`, isNumber: true },
      { heading: `within ${deadlineHours} h`, isNumber: false },
    ],
    shown.map(({ type, vcpus, hours, spot, onDemand, deadline }) => [
      type,
      String(vcpus),
      formatDuration(Math.max(Math.round(hours * 60), 1) * 60_000),
      formatCost(spot),
      formatCost(onDemand),
      `${deadline === "met" ? "yes" : deadline === "tight" ? "tight" : "no"}${type === recommendation?.offer.type ? "  ← recommended" : ""}`,
    ]),
  );
  const advice =
    recommendation === null
      ? `No type is done well within ${deadlineHours} hours: raise --deadline-hours, or divide the inputs over several datasets.`
      : `Recommended: ${recommendation.offer.type} (${recommendation.types.slice(1).join(", ")} are as good), spot: ${formatCost(recommendation.offer.spot)} ${prices.currency}.`;
  return (
    `${table}\n${advice}\n` +
    `Costs are for instance, public address and a gp3 volume of ${formatCount(volumeGiB)} GiB. S3: requests ${formatCost(s3.requests)}, storage ${formatCost(s3.storageMonth)} ${prices.currency} a month.\n` +
    `Prices of ${prices.date}, ${prices.region}, without traffic between regions; a spot price is a rule of thumb. --json has all ${offers.length} types.\n`
  );
}

function formatCost(cost: number): string {
  return cost < 0.005 ? "< 0.01" : cost.toFixed(2);
}
