import { describe, expect, test } from "bun:test";
import { schnorr } from "@noble/curves/secp256k1.js";
import { loadBatchVerifier } from "../../cli/event/signature/batch.ts";
import { createEventCheck } from "../../cli/event/signature/check.ts";
import { loadNativeVerifier } from "../../cli/event/signature/native.ts";
import { passesSelfTest, selectVerifier } from "../../cli/event/signature/select.ts";
import { BIP340_VECTORS } from "../../cli/event/signature/vectors.ts";
import { wasmVerifier } from "../../cli/event/signature/wasm.ts";
import { signedEvent } from "../events.ts";

const native = loadNativeVerifier();
if (native === null) console.warn("skipped: this host has no libsecp256k1");
const batch = loadBatchVerifier();

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

describe("BIP-340's published vectors", () => {
  test("are all there: five valid, ten invalid", () => {
    expect(BIP340_VECTORS.map(({ valid }) => valid)).toEqual([...Array(5).fill(true), ...Array(10).fill(false)]);
  });

  for (const [index, { pubkey, message, signature, valid }] of BIP340_VECTORS.entries()) {
    const args = [bytes(message), bytes(pubkey), bytes(signature)] as const;
    test.skipIf(native === null)(`${index} with libsecp256k1`, () => expect(native?.verify(...args)).toBe(valid));
    test.skipIf(batch === null)(`${index} with the library for batches`, () =>
      expect(batch?.verify(...args)).toBe(valid),
    );
    test(`${index} with WebAssembly`, () => expect(wasmVerifier.verify(...args)).toBe(valid));
    test(`${index} with noble agrees`, () => {
      let answer = false;
      try {
        answer = schnorr.verify(args[2], args[0], args[1]);
      } catch {}
      expect(answer).toBe(valid);
    });
  }
});

describe("the choice of a verifier", () => {
  test("falls back to WebAssembly when no library loads", async () => {
    expect((await selectVerifier([() => loadNativeVerifier(["libnone.so.1"])])).name).toContain("WebAssembly");
  });

  test("falls back when the library that loads is another", async () => {
    expect((await selectVerifier([() => loadNativeVerifier(["libc.so.6"])])).name).toContain("WebAssembly");
  });

  test.skipIf(native === null)("takes the library of the host where there is none for batches", async () => {
    const load = [() => loadBatchVerifier("none.so"), loadNativeVerifier];
    expect((await selectVerifier(load)).name).toContain("libsecp256k1.so");
  });

  test("passes over a batch library that is something else", async () => {
    expect((await selectVerifier([() => loadBatchVerifier("libc.so.6")])).name).toContain("WebAssembly");
  });

  test.skipIf(batch === null)("prefers batches", async () => {
    expect((await selectVerifier()).name).toContain("in batches");
  });

  test("refuses a verifier that always gives one answer", () => {
    expect(passesSelfTest({ name: "yes", verify: () => true })).toBe(false);
    expect(passesSelfTest({ name: "no", verify: () => false })).toBe(false);
    for (const verdict of [0, 1]) {
      const batch = {
        capacity: 1024,
        check: (_: Uint8Array, count: number, valid: Uint8Array) => void valid.fill(verdict, 0, count),
      };
      expect(passesSelfTest({ ...wasmVerifier, batch })).toBe(false);
    }
  });
});

describe("the check of events", () => {
  test("verifies a repeated event once", () => {
    let calls = 0;
    const check = createEventCheck({
      name: "counting",
      verify: (...args) => {
        calls++;
        return wasmVerifier.verify(...args);
      },
    });
    const event = signedEvent();
    expect([check(event), check(event), check({ ...event })]).toEqual([true, true, true]);
    expect(calls).toBe(1);
  });

  test("refuses another signature or key for an id that it remembers", () => {
    const check = createEventCheck(wasmVerifier);
    const event = signedEvent();
    expect(check(event)).toBe(true);
    expect(check({ ...event, sig: signedEvent({ content: "other" }).sig })).toBe(false);
    expect(check({ ...event, pubkey: BIP340_VECTORS[0].pubkey })).toBe(false);
    expect(check(event)).toBe(true);
  });

  test("does not take an unused slot for a signature of zeros", () => {
    const check = createEventCheck({ name: "no", verify: () => false });
    expect(check({ ...signedEvent(), id: "0".repeat(64), pubkey: "0".repeat(64), sig: "0".repeat(128) })).toBe(false);
  });
});
