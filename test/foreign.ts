import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import protobuf from "protobufjs";
import { dayOf } from "../cli/event/date.ts";
import type { NostrEvent } from "../cli/event/event.ts";
import { dayFileName } from "../cli/store/layout.ts";
import schema from "../proto/nostr.proto" with { type: "text" };

const protoEvent = protobuf.parse(schema, { keepCase: true }).root.lookupType("nostr.ProtoEvent");

/** The event as protobufjs encodes it, after its length. */
export function encodeElsewhere({ tags, ...event }: NostrEvent): Buffer {
  const isText = (value: unknown) => typeof value === "string";
  return Buffer.from(
    protoEvent
      .encodeDelimited({
        ...event,
        tags: tags.map((tag) => ({
          values: tag.map((value) => (isText(value) ? value : JSON.stringify(value))),
          json_positions: tag.flatMap((value, position) => (isText(value) ? [] : [position])),
        })),
      })
      .finish(),
  );
}

/** Writes the daily files of events in the order given, as another tool might: `perMember` events in a gzip member. */
export function writeElsewhere(folder: string, events: NostrEvent[], perMember = Number.POSITIVE_INFINITY): void {
  mkdirSync(folder, { recursive: true });
  const days = Map.groupBy(events, ({ created_at }) => dayOf(created_at));
  for (const [day, ofDay] of days) writeFileSync(join(folder, dayFileName(day)), gzipEvents(ofDay, perMember));
}

export function gzipEvents(events: NostrEvent[], perMember = Number.POSITIVE_INFINITY): Buffer {
  const members: Buffer[] = [];
  for (let at = 0; at < events.length; at += perMember)
    members.push(gzipSync(Buffer.concat(events.slice(at, at + perMember).map(encodeElsewhere))));
  return Buffer.concat(members);
}

/** The same events in an order that only `seed` decides. */
export function shuffled<T>(items: T[], seed: string): T[] {
  return items
    .map((item, i) => ({ item, order: Bun.hash(`${seed} ${i}`) }))
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ item }) => item);
}
