import { expect, test } from "bun:test";
import { readPrices } from "../../cli/dataset/prices.ts";
import { readHistory } from "../../cli/report/history.ts";
import { emptyPhase } from "../../cli/report/progress.ts";
import { RECORD, STAGING_PHASE } from "../../cli/report/records.ts";
import { statusSchema } from "../../cli/report/status.ts";
import { statusOf } from "../../cli/status/state.ts";

const SECOND = 1000;
const STARTED = Date.UTC(2026, 0, 31);
const session = "abcdef01";
const at = (seconds: number) => new Date(STARTED + seconds * SECOND).toISOString();

/** The phase that is shown for a `status.json` of one time, while the log says that another phase began at second 10. */
function phaseWith(updated: number, phase: object | null) {
  const state = { ...emptyPhase("days", 30), done: 4 };
  const log = `${JSON.stringify({ time: at(10), session, phase: "Writing", ...state, msg: RECORD.progress })}\n`;
  const status = statusSchema.parse({
    state: "running",
    phase,
    host: "host",
    version: "1.0.0",
    session,
    started: at(0),
    updated: at(updated),
  });
  const facts = { place: "archive", history: readHistory(log), manifest: null, work: null, lease: null, isAlive: true };
  return statusOf({ ...facts, status }, STARTED + 15 * SECOND, 60 * SECOND, readPrices(null))?.phase;
}

test("the phase is that of the newer one of log and status.json", () => {
  const reading = { ...emptyPhase("bytes", 100), done: 50, name: "Reading", started: at(1) };
  const writing = { ...emptyPhase("days", 30), done: 7, name: "Writing", started: at(10) };
  expect(phaseWith(9, null)).toMatchObject({ name: "Writing", done: 4, updated: STARTED + 10 * SECOND });
  expect(phaseWith(9, reading)).toMatchObject({ name: "Writing", done: 4, updated: STARTED + 10 * SECOND });
  expect(phaseWith(12, writing)).toMatchObject({ name: "Writing", done: 7, updated: STARTED + 12 * SECOND });
});

test("a process that staged its inputs and was then refused did not take over from the one at work", () => {
  const record = (seconds: number, session: string, fields: object) =>
    JSON.stringify({ time: at(seconds), session, ...fields });
  const log = [
    record(0, "atwork00", { phase: "Reading", ...emptyPhase("bytes", 100), msg: RECORD.progress }),
    record(5, "refused0", { phase: STAGING_PHASE, ...emptyPhase("bytes", 100), msg: RECORD.progress }),
    record(6, "refused0", { outcome: "failed", message: "another one is at work", msg: RECORD.ended }),
  ].join("\n");
  const [{ current }] = readHistory(log);
  expect([current.id, current.ended]).toEqual(["atwork00", null]);
});
