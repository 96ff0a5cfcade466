import { z } from "zod";
import { addCounts, type Counts, countsSchema, emptyCounts } from "../segment/counts.ts";
import { type Machine, machineSchema } from "./machine.ts";
import { type PhaseState, phaseStateSchema } from "./progress.ts";
import { RECORD, STAGING_PHASE } from "./records.ts";

const outcomeSchema = z.enum(["complete", "interrupted", "failed"]);

/** How a session ended; `vanished`: without a word, and another one took over. */
export type Ending = z.infer<typeof outcomeSchema> | "vanished";

/** The state of a phase at a time, milliseconds since 1970. */
export interface ProgressPoint extends PhaseState {
  time: number;
  phase: string;
}

/** One process that worked on the archive. Times are milliseconds since 1970. */
export interface Session {
  id: string;
  started: number;
  /** Its last sign of life in the log. */
  lastSeen: number;
  version: string | null;
  machine: Machine | null;
  /** Null when the log does not say: it is still at work, or vanished and was not followed by another one. */
  ended: Ending | null;
  message: string | null;
  points: ProgressPoint[];
  /** Of the conversions that it brought to their end. */
  counts: Counts;
}

/** A run: all sessions up to one that is complete. */
export interface RunHistory {
  /** In the order of their start. */
  sessions: Session[];
  started: number;
  lastSeen: number;
  /** That of the session which was at work last. */
  current: Session;
  /** Times that work was broken off. */
  interruptions: number;
  counts: Counts;
}

/** How fast a phase was between two records. Rates are a second's. */
export interface ThroughputSample {
  from: number;
  to: number;
  phase: string;
  /** Null in a phase that counts days. */
  bytes: number | null;
  events: number;
}

const anyRecord = z.object({ time: z.iso.datetime(), session: z.string(), msg: z.string() });
const knownRecord = z.discriminatedUnion("msg", [
  machineSchema.extend({ msg: z.literal(RECORD.machine), version: z.string() }),
  phaseStateSchema.extend({ msg: z.literal(RECORD.progress), phase: z.string() }),
  z.object({ msg: z.literal(RECORD.converted), counts: countsSchema }),
  z.object({ msg: z.literal(RECORD.ended), outcome: outcomeSchema, message: z.string().optional() }),
]);

const KNOWN = new Set<string>(Object.values(RECORD));

/** What a log says of the runs over an archive, in their order. Lines that are not whole or of another kind are skipped. */
export function readHistory(log: string): RunHistory[] {
  const sessions = new Map<string, Session>();
  for (let start = 0; start < log.length; ) {
    const end = log.indexOf("\n", start);
    const json = parseLine(log.slice(start, end < 0 ? log.length : end));
    start = end < 0 ? log.length : end + 1;
    const any = anyRecord.safeParse(json);
    if (!any.success) continue;
    const time = Date.parse(any.data.time);
    const session = sessions.get(any.data.session) ?? newSession(any.data.session, time);
    sessions.set(session.id, session);
    session.lastSeen = Math.max(session.lastSeen, time);
    // With --verbose nearly all records are of other kinds.
    if (!KNOWN.has(any.data.msg)) continue;
    const known = knownRecord.safeParse(json);
    if (known.success) note(session, time, known.data);
  }
  return divide(findVanished([...sessions.values()]));
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function newSession(id: string, time: number): Session {
  return {
    id,
    started: time,
    lastSeen: time,
    version: null,
    machine: null,
    ended: null,
    message: null,
    points: [],
    counts: emptyCounts(),
  };
}

function note(session: Session, time: number, record: z.infer<typeof knownRecord>): void {
  switch (record.msg) {
    case RECORD.machine: {
      const { msg, version, ...machine } = record;
      session.version = version;
      session.machine = machine;
      return;
    }
    case RECORD.progress: {
      const { msg, ...state } = record;
      session.points.push({ time, ...state });
      return;
    }
    case RECORD.converted:
      session.counts = addCounts(session.counts, record.counts);
      return;
    case RECORD.ended:
      session.ended = record.outcome;
      session.message = record.message ?? null;
  }
}

/** A session that was refused, because another is at work, writes to the same log: it did not take over. */
function tookOver({ points, ended }: Session): boolean {
  return points.some(({ phase }) => phase !== STAGING_PHASE) || ended === "complete";
}

function findVanished(sessions: Session[]): Session[] {
  const lastStart = Math.max(...sessions.filter(tookOver).map(({ started }) => started));
  return sessions.map((session) =>
    session.ended === null && session.started < lastStart ? { ...session, ended: "vanished" } : session,
  );
}

function divide(sessions: Session[]): RunHistory[] {
  const isAtWork = ({ ended, points }: Session) => Number(ended === null && points.length > 0);
  const ordered = [...sessions].sort((a, b) => isAtWork(a) - isAtWork(b) || a.lastSeen - b.lastSeen);
  const runs: Session[][] = [[]];
  for (const session of ordered) {
    runs[runs.length - 1].push(session);
    if (session.ended === "complete") runs.push([]);
  }
  return runs.filter((run) => run.length > 0).map(describeRun);
}

function describeRun(sessions: Session[]): RunHistory {
  const isBrokenOff = ({ ended, points }: Session) => points.length > 0 && ended !== null && ended !== "complete";
  return {
    sessions: [...sessions].sort((a, b) => a.started - b.started),
    started: Math.min(...sessions.map(({ started }) => started)),
    lastSeen: Math.max(...sessions.map(({ lastSeen }) => lastSeen)),
    current: sessions[sessions.length - 1],
    interruptions: sessions.filter(isBrokenOff).length,
    counts: sessions.map(({ counts }) => counts).reduce(addCounts),
  };
}

/** How fast a session was over its time. What an earlier one had made does not count. */
export function throughputOf({ points }: Session): ThroughputSample[] {
  return points.slice(1).flatMap((point, i) => {
    const before = points[i];
    const seconds = (point.time - before.time) / 1000;
    if (before.phase !== point.phase || seconds <= 0) return [];
    const rate = (name: "done" | "events", reused: "reused" | "reusedEvents") =>
      Math.max(point[name] - point[reused] - before[name] + before[reused], 0) / seconds;
    const bytes = point.unit === "bytes" ? rate("done", "reused") : null;
    return [{ from: before.time, to: point.time, phase: point.phase, bytes, events: rate("events", "reusedEvents") }];
  });
}

/** How long each phase took in all sessions, milliseconds. */
export function phaseTimes(sessions: Session[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { points } of sessions)
    for (const [i, { phase, time }] of points.entries())
      if (i > 0 && points[i - 1].phase === phase) times.set(phase, (times.get(phase) ?? 0) + time - points[i - 1].time);
  return times;
}

/** The time that machines were at work, hours. */
export function machineHours(sessions: Session[]): number {
  return sessions.reduce((sum, { started, lastSeen }) => sum + lastSeen - started, 0) / 3_600_000;
}
