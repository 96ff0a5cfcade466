import { errorMessage } from "../errors.ts";
import { decodeEvent } from "../event/decode.ts";
import { encodeEvent, maxEncodedSize } from "../event/encode.ts";
import type { NostrEvent } from "../event/event.ts";
import { hasValidId } from "../event/id.ts";
import { checkEvent } from "../event/parse.ts";
import { REJECT_REASONS } from "../event/reject.ts";
import { createEventCheck } from "../event/signature/check.ts";
import { selectVerifier } from "../event/signature/select.ts";
import type { Manifest } from "../run/manifest.ts";

/** What events are held to. */
export interface EventRules {
  /** Whether a wrong id is damage: the conversions let none through. */
  ids: boolean;
  /** Whether signatures are checked, and whether a wrong one is damage. */
  signatures: "damage" | "note" | "unchecked";
}

/**
 * The rules that follow from how an archive was made. Without a manifest ids must be right, as by default, and
 * signatures need not be.
 */
export function rulesOf(manifest: Manifest | null, checkSignatures: boolean): EventRules {
  const runs = manifest?.runs ?? [];
  const signed =
    manifest?.foreign === false && runs.length > 0 && runs.every(({ options }) => options.validateSignatures);
  return {
    ids: runs.every(({ options }) => options.validateEventIds),
    signatures: !checkSignatures ? "unchecked" : signed ? "damage" : "note",
  };
}

/** What is to be said of an encoded event. `event` is null when it is none. */
export interface Judgement {
  event: NostrEvent | null;
  /** What makes the event unfit for the archive; null when nothing does. */
  fault: string | null;
  /** Whether the bytes are those that this program writes. */
  isCanonical: boolean;
  /** What is wrong with the event and was let through. */
  note: "id" | "signature" | null;
}

/** Judges one encoded event, without its length. */
export type Judge = (record: Buffer) => Judgement;

export async function createJudge(rules: EventRules): Promise<Judge> {
  const isSigned = rules.signatures === "unchecked" ? null : createEventCheck(await selectVerifier());
  let encoded = Buffer.allocUnsafe(maxEncodedSize(64 * 1024));

  return (record) => {
    const event = readEvent(record);
    if (typeof event === "string") return { event: null, fault: event, isCanonical: false, note: null };
    const room = maxEncodedSize(record.length);
    if (encoded.length < room) encoded = Buffer.allocUnsafe(room);
    const length = encodeEvent(event, encoded, 0);
    const isCanonical = encoded.compare(record, 0, record.length, 0, length) === 0;
    if (!hasValidId(event)) {
      if (rules.ids) return { event, fault: REJECT_REASONS["id-mismatch"], isCanonical, note: null };
      return { event, fault: null, isCanonical, note: "id" };
    }
    if (isSigned === null || isSigned(event)) return { event, fault: null, isCanonical, note: null };
    if (rules.signatures === "damage")
      return { event, fault: REJECT_REASONS["signature-mismatch"], isCanonical, note: null };
    return { event, fault: null, isCanonical, note: "signature" };
  };
}

/** The event, or why it is none. */
function readEvent(record: Buffer): NostrEvent | string {
  try {
    const event = checkEvent(decodeEvent(record));
    return typeof event === "string" ? REJECT_REASONS[event] : event;
  } catch (error) {
    return `it is no ProtoEvent: ${errorMessage(error)}`;
  }
}
