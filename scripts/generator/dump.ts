import { dayName, dayOf } from "../../cli/event/date.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { eventId } from "../../cli/event/id.ts";
import { draftEvent } from "./content.ts";
import { INVALID_REASONS, type InvalidReason, spoilLine } from "./invalid.ts";
import { createRandom, type Random } from "./random.ts";
import { type Author, createAuthorFactory } from "./sign.ts";

/** What a dump is made of. The same settings give the same bytes. */
export interface DumpSettings {
  seed: string;
  lines: number;
  /** Days over which the events are spread, from 2024-01-01 on. */
  days: number;
  /** Share of lines that repeat an earlier event. */
  duplicates: number;
  /** Share of lines that are rejected, all reasons alike. */
  invalid: number;
}

/** What a converter must find in some lines. `bad-signature` lines are events when signatures are not checked. */
export interface Tally {
  lines: number;
  blank: number;
  duplicates: number;
  rejected: Partial<Record<InvalidReason, number>>;
  /** Unique valid events by day name. */
  days: Record<string, number>;
  /** Events by day that only a signature check rejects. */
  badSignatureDays: Record<string, number>;
}

type Slot =
  | { type: "event" }
  | { type: "duplicate"; of: number; resigned: boolean }
  | { type: "invalid"; reason: InvalidReason };

const FIRST_SECOND = Date.UTC(2024, 0, 1) / 1000;
const AUTHORS = 1500;
const BLANK_SHARE = 0.001;
const NEAR = 2000;
const REMEMBERED = 4096;

/** Makes any line of a dump without those before it, so that lines can be made in parallel. */
export interface DumpWriter {
  /** The bytes of lines `from` to `to` (excluded), with line endings, and what they hold. */
  lines(from: number, to: number): { bytes: Buffer; tally: Tally };
}

export function createDumpWriter(settings: DumpSettings): DumpWriter {
  const authorOf = createAuthors(settings.seed);
  const randomOf = (purpose: string, n: number) => createRandom(`${settings.seed}/${purpose}/${n}`);

  const isEvent = (n: number): boolean => {
    const share = randomOf("slot", n).int(0, 999_999) / 1_000_000;
    return n === 0 || share >= settings.duplicates + settings.invalid;
  };
  const slotOf = (n: number): Slot => {
    if (isEvent(n)) return { type: "event" };
    const random = randomOf("slot", n);
    const share = random.int(0, 999_999) / 1_000_000;
    if (share >= settings.duplicates) return { type: "invalid", reason: random.pick(INVALID_REASONS) };
    // Most duplicates follow soon after their event, as from relays that are read side by side.
    let of = random.chance(0.9) ? random.int(Math.max(0, n - NEAR), n - 1) : random.int(0, n - 1);
    while (!isEvent(of)) of--;
    return { type: "duplicate", of, resigned: random.chance(0.02) };
  };
  const createdAtOf = (n: number, random: Random): number => {
    const span = settings.days * 86_400;
    const even = Math.floor((n / settings.lines) * span);
    const at = random.chance(0.02) ? random.int(0, span - 1) : even + random.int(-7200, 7200);
    return FIRST_SECOND + Math.min(Math.max(at, 0), span - 1);
  };
  const eventOf = (n: number, resigned = false): NostrEvent => {
    const random = randomOf("event", n);
    const created_at = createdAtOf(n, random);
    const author = authorOf(pickAuthor(random));
    const unsigned = { pubkey: author.pubkey, created_at, ...draftEvent(random) };
    const id = eventId(unsigned);
    const auxiliary = new Uint8Array(32).fill(resigned ? 1 : 0);
    return { id, ...unsigned, sig: author.sign(id, auxiliary) };
  };
  // Duplicates of an event come close together, and to make one takes as long as to write many.
  const remembered = new Map<number, NostrEvent>();
  const repeatedEvent = (n: number): NostrEvent => {
    const event = remembered.get(n) ?? eventOf(n);
    if (remembered.size >= REMEMBERED) remembered.clear();
    remembered.set(n, event);
    return event;
  };

  return {
    lines: (from, to) => {
      const parts: Buffer[] = [];
      const tally = emptyTally();
      for (let n = from; n < to; n++) {
        const slot = slotOf(n);
        const look = randomOf("look", n);
        if (look.chance(BLANK_SHARE)) {
          parts.push(Buffer.from(look.pick(["\n", "  \n", "\r\n"])));
          tally.blank++;
        }
        parts.push(lineOf(slot, n, look), Buffer.from(look.chance(0.02) ? "\r\n" : "\n"));
        count(tally, slot, n);
      }
      return { bytes: Buffer.concat(parts), tally };
    },
  };

  function lineOf(slot: Slot, n: number, look: Random): Buffer {
    if (slot.type === "invalid") return spoilLine(slot.reason, eventOf(n), look);
    if (slot.type === "event") return Buffer.from(dress(eventOf(n), look));
    return Buffer.from(dress(slot.resigned ? eventOf(slot.of, true) : repeatedEvent(slot.of), look));
  }

  function count(tally: Tally, slot: Slot, n: number): void {
    tally.lines++;
    const addDay = (days: Record<string, number>) => {
      const day = dayName(dayOf(createdAtOf(n, randomOf("event", n))));
      days[day] = (days[day] ?? 0) + 1;
    };
    if (slot.type === "event") addDay(tally.days);
    else if (slot.type === "duplicate") tally.duplicates++;
    else {
      tally.rejected[slot.reason] = (tally.rejected[slot.reason] ?? 0) + 1;
      if (slot.reason === "signature-mismatch") addDay(tally.badSignatureDays);
    }
  }
}

export function emptyTally(): Tally {
  return { lines: 0, blank: 0, duplicates: 0, rejected: {}, days: {}, badSignatureDays: {} };
}

/** Adds `other` to `tally`. */
export function addTally(tally: Tally, other: Tally): void {
  tally.lines += other.lines;
  tally.blank += other.blank;
  tally.duplicates += other.duplicates;
  for (const key of ["rejected", "days", "badSignatureDays"] as const) {
    const target: Record<string, number> = tally[key];
    for (const [name, n] of Object.entries(other[key])) target[name] = (target[name] ?? 0) + n;
  }
}

function createAuthors(seed: string): (n: number) => Author {
  const makeAuthor = createAuthorFactory();
  const authors: Author[] = [];
  return (n) => {
    authors[n] ??= makeAuthor(Bun.SHA256.hash(`${seed}/author/${n}`, new Uint8Array(32)) as Uint8Array);
    return authors[n];
  };
}

/** Few authors write much, many write little. */
function pickAuthor(random: Random): number {
  const x = random.int(0, 999_999) / 1_000_000;
  return Math.floor(AUTHORS * x * x * x);
}

/** The ways in which dumps write an event: field order, spaces, escapes, relay frames. */
function dress(event: NostrEvent, look: Random): string {
  const { id, pubkey, created_at, kind, tags, content, sig } = event;
  const json = look.weighted([
    [() => JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig }), 6],
    [() => JSON.stringify({ content, created_at, id, kind, pubkey, sig, tags }), 3],
    [() => JSON.stringify({ id, sig, kind, tags, pubkey, content, created_at }, null, 1).replace(/\n */g, " "), 1],
    [
      () =>
        escapeNonAscii(
          JSON.stringify({ kind, id, pubkey, created_at, tags, content, sig, seen_on: ["wss://x.example"] }),
        ),
      1,
    ],
  ])();
  return look.chance(0.02) ? look.pick([`["EVENT","sub",${json}]`, `["EVENT",${json}]`]) : json;
}

function escapeNonAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
