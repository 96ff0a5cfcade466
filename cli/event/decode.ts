import protobuf from "protobufjs";
import schema from "../../proto/nostr.proto" with { type: "text" };
import type { NostrEvent, TagValue } from "./event.ts";

const protoEvent = protobuf.parse(schema, { keepCase: true }).root.lookupType("nostr.ProtoEvent");

interface PlainTag {
  values: string[];
  json_positions: number[];
}

type PlainEvent = Omit<NostrEvent, "tags"> & { tags: PlainTag[] };

/**
 * Reads one ProtoEvent (proto/nostr.proto), without a length before it.
 * @throws {Error} of protobufjs when the bytes are no ProtoEvent; SyntaxError when a JSON tag value is damaged.
 */
export function decodeEvent(bytes: Uint8Array): NostrEvent {
  const message = protoEvent.decode(bytes);
  const { id, pubkey, created_at, kind, tags, content, sig } = protoEvent.toObject(message, {
    longs: Number,
    defaults: true,
    arrays: true,
  }) as PlainEvent;
  return { id, pubkey, created_at, kind, tags: tags.map(decodeTag), content, sig };
}

function decodeTag({ values, json_positions }: PlainTag): TagValue[] {
  if (json_positions.length === 0) return values;
  const json = new Set(json_positions);
  return values.map((value, position) => (json.has(position) ? (JSON.parse(value) as TagValue) : value));
}
