import type { NostrEvent } from "../../cli/event/event.ts";
import type { RejectReason } from "../../cli/event/reject.ts";
import type { Random } from "./random.ts";

/** The reasons that a generated line can be rejected for: all but the one that depends on --max-line-bytes. */
export type InvalidReason = Exclude<RejectReason, "line-too-long">;

type Spoil = (event: NostrEvent, json: string, random: Random) => string | Buffer;

const without = (event: NostrEvent, changes: Record<string, unknown>) => JSON.stringify({ ...event, ...changes });

/** Turns a valid event into a line that is rejected for the reason. `kind-out-of-range` and others that are signed so are made by the drafter. */
const SPOIL: Record<InvalidReason, Spoil> = {
  "invalid-utf8": (_, json) =>
    Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.from([0xff, 0xc3, 0x28]), Buffer.from("}")]),
  "invalid-json": (_, json, random) => json.slice(0, random.int(1, json.length - 1)),
  "not-an-event": (_, json, random) =>
    random.pick([
      '["NOTICE","rate limited"]',
      '["EOSE","sub-1"]',
      "null",
      "42",
      '"text"',
      "[]",
      "{}",
      '["EVENT"]',
      `[${json}]`,
      '{"error":"timeout"}',
    ]),
  "invalid-id": (event, _, random) =>
    without(event, { id: random.pick([undefined, event.id.slice(1), event.id.replace(/^./, "X"), 7]) }),
  "invalid-pubkey": (event, _, random) =>
    without(event, { pubkey: random.pick([undefined, `${event.pubkey}00`, null]) }),
  "invalid-created-at": (event, _, random) =>
    without(event, { created_at: random.pick([undefined, `${event.created_at}`, event.created_at + 0.5]) }),
  "invalid-kind": (event, _, random) => without(event, { kind: random.pick([undefined, "1", 1.5, 2 ** 31]) }),
  "invalid-tags": (event, _, random) =>
    without(event, { tags: random.pick([undefined, {}, ["p"], [["p", ["x"]]], [["p", { a: 1 }]]]) }),
  "invalid-content": (event, _, random) => without(event, { content: random.pick([undefined, null, 5, {}]) }),
  "invalid-sig": (event, _, random) => without(event, { sig: random.pick([undefined, "", event.sig.slice(2)]) }),
  "lone-surrogate": (event, _, random) =>
    without(event, { content: `${event.content}${random.pick(["\ud800", "\udc00x"])}` }),
  "date-out-of-range": (event, _, random) =>
    without(event, { created_at: random.pick([253_402_300_800, -62_167_219_201, 1_700_000_000_000]) }),
  "kind-out-of-range": (event, _, random) => without(event, { kind: random.pick([65_536, -1, 2_000_000]) }),
  "id-mismatch": (event) => without(event, { content: `${event.content}!` }),
  "signature-mismatch": (event) =>
    without(event, { sig: event.sig.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")) }),
};

export const INVALID_REASONS = Object.keys(SPOIL) as InvalidReason[];

export function spoilLine(reason: InvalidReason, event: NostrEvent, random: Random): Buffer {
  const line = SPOIL[reason](event, JSON.stringify(event), random);
  return typeof line === "string" ? Buffer.from(line) : line;
}
