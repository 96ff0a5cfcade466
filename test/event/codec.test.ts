import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import protobuf from "protobufjs";
import { decodeEvent } from "../../cli/event/decode.ts";
import { encodeEvent, maxEncodedSize } from "../../cli/event/encode.ts";
import type { NostrEvent } from "../../cli/event/event.ts";
import { parseLine } from "../../cli/event/parse.ts";
import { copyRecordKeys, recordCreatedAt, recordKind } from "../../cli/event/record.ts";
import { readVarint, varintSize, writeNegativeVarint, writeVarint } from "../../cli/event/varint.ts";
import schema from "../../proto/nostr.proto" with { type: "text" };
import { anyEvent, signedEvent } from "../events.ts";

const ROOT = join(import.meta.dir, "../..");
const protoc = Bun.which("protoc");
if (protoc === null) console.warn("skipped: this host has no protoc");

function encode(event: NostrEvent): Buffer {
  const target = Buffer.alloc(maxEncodedSize(Buffer.byteLength(JSON.stringify(event))) + 16, 0xee);
  return target.subarray(0, encodeEvent(event, target, 0));
}

/** -0 has no JSON text of its own. */
const normal = (event: NostrEvent): NostrEvent => JSON.parse(JSON.stringify(event));

describe("an encoded event", () => {
  test("decodes to the event", () => {
    fc.assert(
      fc.property(anyEvent, (event) => expect(decodeEvent(encode(event))).toEqual(normal(event))),
      { numRuns: 500 },
    );
  });

  test("is never larger than the bound says", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        expect(encode(event).length).toBeLessThanOrEqual(maxEncodedSize(Buffer.byteLength(JSON.stringify(event))));
      }),
    );
  });

  test("is within the bound of the line that says the same in the fewest bytes", () => {
    for (const number of ["0", "1e20", "1e-6"])
      for (const count of [1, 1000, 300_000]) {
        const { tags, ...fields } = signedEvent();
        const line = `${JSON.stringify(fields).slice(0, -1)},"tags":[[${Array(count).fill(number).join()}]]}`;
        const event = parseLine(Buffer.from(line));
        if (typeof event === "string") throw new Error(event);
        const target = Buffer.alloc(8 * line.length + 2000);
        expect(encodeEvent(event, target, 0)).toBeLessThanOrEqual(maxEncodedSize(line.length));
      }
  });

  test("has the bytes that protobufjs writes for the same message without zero values", () => {
    const type = protobuf.parse(schema, { keepCase: true }).root.lookupType("nostr.ProtoEvent");
    const strings = anyEvent.map((event) => ({ ...event, tags: event.tags.map((tag) => tag.map(String)) }));
    fc.assert(
      fc.property(strings, (event) => {
        const { tags, ...fields } = event;
        const message = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== 0 && value !== ""));
        const theirs = type.encode({ ...message, tags: tags.map((values) => ({ values })) }).finish();
        expect(encode(event).equals(theirs)).toBe(true);
      }),
    );
  });

  test.skipIf(protoc === null)("is read alike by protoc", () => {
    const events = [
      signedEvent({ content: "plain", tags: [["e", "x", ""], []] }),
      { ...signedEvent({ created_at: 5 }), kind: 0, tags: [["R", "pow", 0, true]] },
      { ...signedEvent(), created_at: -5, kind: 65_535, content: "" },
    ];
    for (const event of events) {
      const command = [protoc ?? "", `--proto_path=${join(ROOT, "proto")}`, "--decode=nostr.ProtoEvent", "nostr.proto"];
      const decoded = Bun.spawnSync(command, { stdin: encode(event) });
      expect(decoded.exitCode).toBe(0);
      const text = decoded.stdout.toString();
      expect(text).toContain(`id: "${event.id}"`);
      expect(text).toContain(`created_at: ${event.created_at}`);
      expect(text.includes("kind: ")).toBe(event.kind !== 0);
      expect(text.match(/tags \{/g)?.length ?? 0).toBe(event.tags.length);
      const again = Bun.spawnSync(command.with(2, "--encode=nostr.ProtoEvent"), { stdin: decoded.stdout });
      expect(Buffer.from(again.stdout).equals(encode(event))).toBe(true);
    }
  });

  test("has its time, kind and keys where they are read without decoding", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const bytes = Buffer.concat([Buffer.from([1, 2, 3]), encode(event)]);
        expect(recordCreatedAt(bytes, 3)).toBe(event.created_at);
        expect(recordKind(bytes, 3)).toBe(event.kind);
        const keys = Buffer.alloc(64);
        copyRecordKeys(bytes, 3, keys, 0);
        expect(keys.toString("hex")).toBe(event.id + event.pubkey);
      }),
    );
  });
});

test("varints come back, and have the size that was said", () => {
  const target = new Uint8Array(16);
  fc.assert(
    fc.property(fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }), (value) => {
      const end = value < 0 ? writeNegativeVarint(target, 0, value) : writeVarint(target, 0, value);
      expect(readVarint(target, 0)).toBe(value);
      expect(end).toBe(value < 0 ? 10 : varintSize(value));
    }),
  );
});
