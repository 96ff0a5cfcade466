import { createLineReader, type LineReader } from "../event/line.ts";
import type { RejectReason } from "../event/reject.ts";
import { type SignatureCheck, TRIPLE_BYTES } from "../event/signature/verifier.ts";
import type { ConvertOptions } from "../plan/options.ts";
import type { Arena } from "./arena.ts";
import { type FilterReason, filterReason } from "./filter.ts";

/** What became of the lines. */
export interface Judged {
  /** Called in the order of the lines. */
  rejected(reason: RejectReason, line: Buffer, offset: number): void;
  filtered(reason: FilterReason): void;
  /** A line whose event is kept, under this number of the arena; a repeat has the event of an earlier line. */
  kept(event: number, isRepeat: boolean): void;
}

/** Decides what becomes of lines. */
export interface Judge {
  /** Takes a line, `block[start..end)`, whose bytes must not change until `settle`. */
  line(block: Buffer, start: number, end: number, offset: number, isUtf8: boolean): void;
  /** Rejects a line without looking at it. */
  reject(reason: RejectReason, line: Buffer, offset: number): void;
  /** Decides about all lines so far: signatures are checked many at a time. */
  settle(): void;
}

/**
 * Judges lines and puts their events into the arena. Cheap checks go first; what the options leave out is not checked
 * further, nor is an event that is in the arena with the same bytes.
 * @param signatures null when they are not to be checked
 */
export function createJudge(
  options: ConvertOptions,
  signatures: SignatureCheck | null,
  arena: Arena,
  judged: Judged,
): Judge {
  const reader = createLineReader();
  const { reject, accept, settle } =
    signatures === null ? createVerdicts(judged) : createLateVerdicts(signatures, arena, judged);

  return {
    line: (block, start, end, offset, isUtf8) => {
      const against = (reason: RejectReason) => reject(reason, block.subarray(start, end), offset);
      const malformed = reader.read(block, start, end, isUtf8);
      if (malformed !== null) return against(malformed);
      const { kind, createdAt } = reader;
      if (options.filterInvalidKinds && (kind < 0 || kind > 65_535)) return against("kind-out-of-range");
      const filtered = filterReason(kind, createdAt, options);
      if (filtered !== null) return judged.filtered(filtered);
      const next = arena.count();
      const event = arena.add(reader, end - start);
      const isRepeat = event < next;
      if (!isRepeat && options.validateEventIds && !reader.hasValidId()) {
        arena.drop(event);
        return against("id-mismatch");
      }
      accept(reader, { event, isRepeat, block, start, end, offset });
    },
    reject,
    settle,
  };
}

/** A line whose event was put into the arena. */
interface Candidate {
  event: number;
  isRepeat: boolean;
  block: Buffer;
  start: number;
  end: number;
  offset: number;
}

type WaitingLine = Candidate | { reason: RejectReason; line: Buffer; offset: number };

/** Passes on what is decided about lines. */
interface Verdicts extends Pick<Judge, "reject" | "settle"> {
  /** The reader has just read the candidate. */
  accept(reader: LineReader, candidate: Candidate): void;
}

function createVerdicts(judged: Judged): Verdicts {
  return {
    reject: judged.rejected,
    accept: (_, { event, isRepeat }) => judged.kept(event, isRepeat),
    settle: () => {},
  };
}

/** Lines whose verdicts are held back: repeats and rejected ones have no signature to check, and are no less in memory. */
const MOST_WAITING = 32_768;

/** Holds verdicts back until signatures are checked, so that they come in the order of the lines. */
function createLateVerdicts({ capacity, check }: SignatureCheck, arena: Arena, judged: Judged): Verdicts {
  const triples = Buffer.allocUnsafeSlow(capacity * TRIPLE_BYTES);
  const valid = new Uint8Array(capacity);
  let unchecked = 0;
  let waiting: WaitingLine[] = [];

  const settle = () => {
    const lines = waiting;
    const count = unchecked;
    waiting = [];
    unchecked = 0;
    check(triples, count, valid);
    let checked = 0;
    for (const line of lines) {
      if ("reason" in line) {
        judged.rejected(line.reason, line.line, line.offset);
        continue;
      }
      const { event, isRepeat, block, start, end, offset } = line;
      if (!isRepeat && valid[checked++] !== 1) arena.drop(event);
      if (arena.isDropped(event)) judged.rejected("signature-mismatch", block.subarray(start, end), offset);
      else judged.kept(event, isRepeat);
    }
  };
  const wait = (line: WaitingLine) => {
    waiting.push(line);
    if (unchecked === capacity || waiting.length === MOST_WAITING) settle();
  };

  return {
    reject: (reason, line, offset) => wait({ reason, line, offset }),
    accept: (reader, candidate) => {
      if (!candidate.isRepeat) reader.copyKeys(triples, TRIPLE_BYTES * unchecked++);
      wait(candidate);
    },
    settle,
  };
}
