import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { EXIT, ProtonBeamError } from "../../cli/errors.ts";
import { createS3Clients, environmentAccess } from "../../cli/net/s3.ts";
import { createTraffic } from "../../cli/net/traffic.ts";
import { findSources } from "../../cli/source/find.ts";
import { publicName } from "../../cli/source/http.ts";
import { temporaryFolder } from "../run/cli.ts";

function makeTree() {
  const folder = temporaryFolder();
  mkdirSync(folder.join("d/deep"), { recursive: true });
  for (const name of ["b.jsonl", "a.jsonl", "d/x.ndjson", "d/deep/y.jsonl", "d/notes.txt"])
    writeFileSync(folder.join(name), name);
  return folder;
}

const access = environmentAccess({ retryMs: 1000, stallMs: 1000, traffic: createTraffic() });
const find = (args: string[]) => findSources(args, access, createS3Clients());
const names = async (args: string[]) => (await find(args)).map(({ input }) => input.name);

test("files keep their order, directories and globs are sorted", async () => {
  using folder = makeTree();
  expect(await names([folder.join("b.jsonl"), folder.join("a.jsonl")])).toEqual([
    folder.join("b.jsonl"),
    folder.join("a.jsonl"),
  ]);
  expect(await names([folder.join("d")])).toEqual([folder.join("d/deep/y.jsonl"), folder.join("d/x.ndjson")]);
  expect(await names([folder.join("*.jsonl")])).toEqual([folder.join("a.jsonl"), folder.join("b.jsonl")]);
  expect(await names(["-", folder.join("a.jsonl")])).toEqual(["-", folder.join("a.jsonl")]);
});

test("a file that is named twice, by whatever name, is taken once", async () => {
  using folder = makeTree();
  symlinkSync(folder.join("a.jsonl"), folder.join("link.jsonl"));
  expect(await names([folder.join("a.jsonl"), folder.join("*.jsonl"), folder.join("link.jsonl")])).toHaveLength(2);
});

test("an argument that names nothing is bad usage, and says so", async () => {
  using folder = makeTree();
  mkdirSync(folder.join("empty"));
  for (const arg of [folder.join("none.jsonl"), folder.join("*.csv"), folder.join("empty"), "/dev/null"]) {
    let thrown: unknown;
    try {
      await find([arg]);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ProtonBeamError);
    expect((thrown as ProtonBeamError).exitCode).toBe(EXIT.usage);
    expect((thrown as ProtonBeamError).message).toContain(arg);
  }
});

test("the name of an address tells no password and no signature", () => {
  expect(publicName("https://me:secret@example.org/a%20b.jsonl?v=2#x")).toBe("https://example.org/a%20b.jsonl?v=2");
  expect(publicName("https://b.s3.amazonaws.com/k.zst?X-Amz-Signature=abc&X-Amz-Expires=60")).toBe(
    "https://b.s3.amazonaws.com/k.zst",
  );
});
