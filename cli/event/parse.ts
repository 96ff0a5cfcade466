import { hasFourDigitYear } from "./date.ts";
import type { NostrEvent, TagValue } from "./event.ts";
import type { RejectReason } from "./reject.ts";

const HEX_64 = /^[0-9a-f]{64}$/;
const HEX_128 = /^[0-9a-f]{128}$/;
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads one line of a dump: a NIP-01 event, or a relay frame `["EVENT", …, {event}]` around one.
 * Checks the form only; the id and the signature are checked elsewhere. Fields that NIP-01 does not name are dropped.
 */
export function parseLine(line: Uint8Array): NostrEvent | RejectReason {
  let text: string;
  try {
    text = utf8.decode(line);
  } catch {
    return "invalid-utf8";
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "invalid-json";
  }
  const event = checkEvent(unwrapFrame(value));
  if (typeof event === "string") return event;
  // Only a \u escape can put half a surrogate pair into a string that was decoded from valid UTF-8.
  if (text.includes("\\u") && hasLoneSurrogate(event)) return "lone-surrogate";
  return event;
}

function unwrapFrame(value: unknown): unknown {
  return Array.isArray(value) && value.length >= 2 && value[0] === "EVENT" ? value[value.length - 1] : value;
}

/** The event that `value` is, or what about its form is wrong. */
export function checkEvent(value: unknown): NostrEvent | RejectReason {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "not-an-event";
  const { id, pubkey, created_at, kind, tags, content, sig } = value as Record<string, unknown>;
  if (id === undefined && pubkey === undefined && sig === undefined) return "not-an-event";
  if (typeof id !== "string" || !HEX_64.test(id)) return "invalid-id";
  if (typeof pubkey !== "string" || !HEX_64.test(pubkey)) return "invalid-pubkey";
  if (!isInteger(created_at)) return "invalid-created-at";
  if (!isInteger(kind) || kind < INT32_MIN || kind > INT32_MAX) return "invalid-kind";
  if (!isTags(tags)) return "invalid-tags";
  if (typeof content !== "string") return "invalid-content";
  if (typeof sig !== "string" || !HEX_128.test(sig)) return "invalid-sig";
  if (!hasFourDigitYear(created_at)) return "date-out-of-range";
  return { id, pubkey, created_at, kind, tags, content, sig };
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}

function isTags(value: unknown): value is TagValue[][] {
  if (!Array.isArray(value)) return false;
  for (const tag of value) {
    if (!Array.isArray(tag)) return false;
    for (const item of tag) if (typeof item === "object" && item !== null) return false;
  }
  return true;
}

function hasLoneSurrogate(event: NostrEvent): boolean {
  const isBroken = (value: TagValue) => typeof value === "string" && !value.isWellFormed();
  return isBroken(event.content) || event.tags.some((tag) => tag.some(isBroken));
}
