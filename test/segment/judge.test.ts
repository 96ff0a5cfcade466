import { describe, expect, test } from "bun:test";
import { createEventCheck, createSignatureCheck } from "../../cli/event/signature/check.ts";
import { selectVerifier } from "../../cli/event/signature/select.ts";
import type { SignatureCheck } from "../../cli/event/signature/verifier.ts";
import { type ConvertOptions, convertOptionsSchema } from "../../cli/plan/options.ts";
import { createArena } from "../../cli/segment/arena.ts";
import { createJudge } from "../../cli/segment/judge.ts";
import { signedEvent } from "../events.ts";

const check = createSignatureCheck(await selectVerifier());
const isSigned = createEventCheck(await selectVerifier());

const event = (content: string, kind = 1) => signedEvent({ content, kind });
const forged = (content: string) => ({ ...event(content), sig: event(`not ${content}`).sig });
const altered = (content: string) => ({ ...event(content), content: `not ${content}` });

/** Judges all lines at once, each in a place of its own of one block. */
function judge(lines: unknown[], options: Partial<ConvertOptions>, signatures: SignatureCheck | null) {
  const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  const block = Buffer.from(texts.join("\n"));
  const arena = createArena();
  const seen: string[] = [];
  const rejected: string[] = [];
  const judge = createJudge(convertOptionsSchema.parse(options), signatures, arena, {
    rejected: (reason, line, offset) => {
      rejected.push(reason);
      seen.push(`${reason} ${texts.findIndex((text, i) => i === offset && text === line.toString())}`);
    },
    filtered: (reason) => seen.push(reason),
    kept: (number, isRepeat) => seen.push(`${isRepeat ? "repeat" : "event"} ${number}`),
  });
  let at = 0;
  texts.forEach((text, line) => {
    const length = Buffer.byteLength(text);
    judge.line(block, at, at + length, line, false);
    at += length + 1;
  });
  judge.settle();
  let unique = 0;
  const { duplicates } = arena.forEachUnique(() => {
    unique++;
  });
  return { seen, rejected, unique, duplicates };
}

describe("the judge", () => {
  const [a, b, c] = [event("a"), event("b"), event("c")];
  const resigned = forged("a");
  const forgedB = forged("b");
  const lines = [a, forgedB, "[]", b, b, altered("c"), forgedB, a, c, resigned, altered("c"), event("d", 7), b];

  test("gives verdicts in the order of the lines, whether signatures are checked at once or few at a time", () => {
    const wanted = [
      "event 0",
      "signature-mismatch 1",
      "not-an-event 2",
      "event",
      "repeat",
      "id-mismatch 5",
      "signature-mismatch 6",
      "repeat 0",
      "event",
      "signature-mismatch 9",
      "id-mismatch 10",
      "kinds",
      "repeat",
    ];
    for (const capacity of [1, 2, 3, 4, 1000]) {
      const { seen, unique, duplicates } = judge(lines, { kinds: [[0, 1]] }, { ...check, capacity });
      // Only what is left out on request is told at once.
      const inOrder = seen.filter((verdict) => verdict !== "kinds");
      inOrder.splice(11, 0, "kinds");
      expect(inOrder.map((verdict, i) => (wanted[i].includes(" ") ? verdict : verdict.replace(/ \d+/, "")))).toEqual(
        wanted,
      );
      expect({ unique, duplicates }).toEqual({ unique: 3, duplicates: 0 });
    }
  });

  test("without signatures keeps forged events as events of their own", () => {
    const { rejected, unique, duplicates } = judge(lines, {}, null);
    expect(rejected).toEqual(["not-an-event", "id-mismatch", "id-mismatch"]);
    expect({ unique, duplicates }).toEqual({ unique: 4, duplicates: 2 });
  });

  test("does not let a repeat in whose first line was rejected", () => {
    const [x, y] = [altered("x"), forged("y")];
    const twice = [x, x, y, y];
    for (const capacity of [1, 1000]) {
      const { seen, unique } = judge(twice, {}, { ...check, capacity });
      expect(seen).toEqual(["id-mismatch 0", "id-mismatch 1", "signature-mismatch 2", "signature-mismatch 3"]);
      expect(unique).toBe(0);
    }
    expect(isSigned(y)).toBe(false);
  });

  test("rejects kinds out of range only when it is told to", () => {
    const strange = [event("k", 65_535), { ...event("k"), kind: 65_536 }, { ...event("k"), kind: -1 }];
    expect(judge(strange, {}, null).rejected).toEqual(["kind-out-of-range", "kind-out-of-range"]);
    expect(judge(strange, { filterInvalidKinds: false, validateEventIds: false }, null).rejected).toEqual([]);
    expect(judge(strange, { filterInvalidKinds: false }, null).rejected).toEqual(["id-mismatch", "id-mismatch"]);
  });

  test("does not hold back any number of lines that have no signature to check", () => {
    let rejected = 0;
    const judge = createJudge(convertOptionsSchema.parse({}), { ...check, capacity: 1000 }, createArena(), {
      rejected: () => rejected++,
      filtered: () => {},
      kept: () => {},
    });
    const block = Buffer.from("1");
    for (let line = 0; line < 100_000; line++) judge.line(block, 0, 1, line, true);
    expect(rejected).toBeGreaterThan(50_000);
    judge.settle();
    expect(rejected).toBe(100_000);
  });
});
