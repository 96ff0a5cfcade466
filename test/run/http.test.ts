import { afterAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createRandom } from "../../scripts/generator/random.ts";
import { FAULTS, startFaultProxy } from "../../scripts/services/fault-proxy.ts";
import { startWebServer } from "../../scripts/services/web-server.ts";
import { describeIndex } from "./archive.ts";
import { convertOk, digests, makeDump, readManifest, runCli, startCli, temporaryFolder } from "./cli.ts";

const CHUNKS = ["--chunk-bytes", "200000"];
const PATIENT = ["--retry-for", "60", "--stall-timeout", "1"];

const folder = temporaryFolder();
const root = folder.join("root");
mkdirSync(root);
const server = await startWebServer(root, folder.join("nginx"));
const proxy = await startFaultProxy(server.port, createRandom("http"));
afterAll(async () => {
  proxy.stop();
  await server.stop();
  folder[Symbol.dispose]();
});

const dump = await makeDump(root, "dump.jsonl", { lines: 4000, days: 4 });
for (const [name, command] of [
  ["dump.gzip.dat", ["gzip", "-c"]],
  ["dump.zstd.dat", ["zstd", "-q", "-c"]],
  ["dump.xz.dat", ["xz", "-1", "-c"]],
  ["dump.bzip2.dat", ["bzip2", "-c"]],
] as const)
  writeFileSync(join(root, name), Bun.spawnSync([...command, dump.path]).stdout);

const local = folder.join("local");
await convertOk([dump.path, "-o", local, ...CHUNKS]);
/** `rejected.jsonl.gz` names its source, so it is left out where the source has another name. */
const days = (archive: string) => ({ ...digests(archive), "rejected.jsonl.gz": "" });
const wanted = days(local);

const accesses = () => readFileSync(folder.join("nginx/access.log"), "utf8").trim().split("\n");

describe("a plain resource", () => {
  test("is read by ranges, each byte about once", async () => {
    const before = accesses().length;
    const out = folder.join("ranges");
    const { counts } = await convertOk([`${server.url}/dump.jsonl`, "-o", out, ...CHUNKS]);
    expect(days(out)).toEqual(wanted);
    expect(describeIndex(out)).toEqual(describeIndex(local));
    expect(counts).toEqual(readManifest(local).runs[0].counts);
    const [input] = readManifest(out).runs[0].inputs;
    expect(input).toMatchObject({ name: `${server.url}/dump.jsonl`, size: dump.expected.bytes, compression: "none" });
    expect(input.etag).toMatch(/^"/);
    const lines = accesses().slice(before);
    expect(lines.every((line) => line.includes(" 206 bytes="))).toBe(true);
    const chunks = Math.ceil(dump.expected.bytes / 200_000);
    expect(lines.length).toBeGreaterThan(chunks);
  });

  test("of a server without ranges works too", async () => {
    const out = folder.join("whole");
    await convertOk([`${server.url}/whole/dump.jsonl`, "-o", out, ...CHUNKS]);
    expect(days(out)).toEqual(wanted);
  });

  test("without length or validators works, and is converted again when it is named again", async () => {
    const chunked = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () =>
        new Response(
          new ReadableStream({
            pull: (controller) => {
              controller.enqueue(readFileSync(dump.path));
              controller.close();
            },
          }),
        ),
    });
    const out = folder.join("chunked");
    await convertOk([`http://127.0.0.1:${chunked.port}/dump`, "-o", out, ...CHUNKS]);
    expect(days(out)).toEqual(wanted);
    const again = await convertOk([`http://127.0.0.1:${chunked.port}/dump`, "-o", out, ...CHUNKS]);
    expect(again.skippedInputs).toBe(0);
    chunked.stop(true);
  });

  test("that is in the archive is not read again, and after a change it is", async () => {
    const out = folder.join("again");
    copyFileSync(dump.path, join(root, "again.jsonl"));
    await convertOk([`${server.url}/again.jsonl`, "-o", out, ...CHUNKS]);
    expect((await convertOk([`${server.url}/again.jsonl`, "-o", out, ...CHUNKS])).skippedInputs).toBe(1);
    appendFileSync(join(root, "again.jsonl"), "{}\n");
    const changed = await convertOk([`${server.url}/again.jsonl`, "-o", out, ...CHUNKS]);
    expect([changed.skippedInputs, changed.counts.events]).toEqual([0, 0]);
  });

  test.each(["slow/", "whole/"])(
    "that changes in the middle is an error, and nothing is published (%p)",
    async (prefix) => {
      const path = join(root, "changing.jsonl");
      copyFileSync(dump.path, path);
      const out = folder.join(`changing-${prefix.slice(0, -1)}`);
      const args = ["convert", `${server.url}/${prefix}changing.jsonl`, "-o", out, "-j", "1", ...CHUNKS];
      const child = startCli(args);
      const segments = join(out, ".proton-beam/segments");
      while (child.exitCode === null && !(existsSync(segments) && readdirSync(segments).length > 0)) await Bun.sleep(2);
      const bytes = readFileSync(path);
      bytes[bytes.length - 10] ^= 1;
      writeFileSync(path, bytes);
      utimesSync(path, new Date(), new Date(Date.now() + 5000));
      expect(await new Response(child.stderr).text()).toContain("changed while it was converted (ETag");
      expect(await child.exited).toBe(1);
      expect(existsSync(join(out, "manifest.json"))).toBe(false);
    },
  );
});

describe("a compressed resource", () => {
  test.each(["gzip", "zstd", "xz", "bzip2"])(
    "(%s) is told by content, not by name",
    async (kind) => {
      const out = folder.join(kind);
      await convertOk([`${server.url}/dump.${kind}.dat`, "-o", out, ...CHUNKS]);
      expect(days(out)).toEqual(wanted);
      expect(readManifest(out).runs[0].inputs[0].compression).toBe(kind as "gzip");
      const fromFile = folder.join(`${kind}-file`);
      await convertOk([join(root, `dump.${kind}.dat`), "-o", fromFile, ...CHUNKS]);
      expect(days(fromFile)).toEqual(wanted);
      const fromPipe = folder.join(`${kind}-pipe`);
      await convertOk(["-", "-o", fromPipe, ...CHUNKS], Bun.file(join(root, `dump.${kind}.dat`)));
      expect(days(fromPipe)).toEqual(wanted);
    },
    30_000,
  );

  test.each(["gzip", "zstd", "xz", "bzip2"])("(%s) that is cut short keeps what was converted", async (kind) => {
    const path = folder.join(`short.${kind}`);
    copyFileSync(join(root, `dump.${kind}.dat`), path);
    const length = Math.floor(statSync(path).size * 0.8);
    truncateSync(path, length);
    const out = folder.join(`short-${kind}`);
    const { exitCode, stderr } = await runCli(["convert", path, "-o", out, "--chunk-bytes", "50000"]);
    expect(stderr).toContain(`damaged or cut short at or before byte ${length}`);
    expect(exitCode).toBe(1);
    expect(readdirSync(join(out, ".proton-beam/segments")).length).toBeGreaterThan(0);
    expect(existsSync(join(out, "manifest.json"))).toBe(false);
  });
});

describe("a bad link", () => {
  test.each(FAULTS)(
    "(%s) is outlived",
    async (fault) => {
      proxy.set([fault], fault === "stall-answer" ? 0.2 : 0.4);
      const out = folder.join(fault);
      await convertOk([`${proxy.url}/dump.jsonl`, "-o", out, ...CHUNKS, ...PATIENT]);
      const zstd = folder.join(`${fault}-zstd`);
      await convertOk([`${proxy.url}/dump.zstd.dat`, "-o", zstd, ...CHUNKS, ...PATIENT]);
      proxy.set([], 0);
      expect(proxy.dealt.get(fault)).toBeGreaterThan(0);
      expect([days(out), days(zstd)]).toEqual([wanted, wanted]);
    },
    60_000,
  );

  test("that is down gives exit code 75 when the budget is spent, and the same command goes on", async () => {
    const out = folder.join("down");
    const args = [`${proxy.url}/slow/dump.jsonl`, "-o", out, "-j", "1", ...CHUNKS, "--retry-for", "1"];
    const child = startCli(["convert", ...args]);
    const segments = join(out, ".proton-beam/segments");
    while (child.exitCode === null && !(existsSync(segments) && readdirSync(segments).length > 2)) await Bun.sleep(2);
    proxy.set(["reset-at-once"], 1);
    const stderr = await new Response(child.stderr).text();
    proxy.set([], 0);
    expect(stderr).toMatch(/reading .*dump\.jsonl failed for 1 s/);
    expect(await child.exited).toBe(75);
    const { reused } = await convertOk(args);
    expect(reused.segments).toBeGreaterThan(1);
    expect(days(out)).toEqual(wanted);
  }, 30_000);

  test("and an address where nothing is are told apart", async () => {
    const missing = await runCli(["convert", `${server.url}/none.jsonl`, "-o", folder.join("none")]);
    expect(missing.stderr).toContain("the server answered 404");
    expect(missing.exitCode).toBe(1);
  });
});

describe("--stage", () => {
  test("downloads first, goes on with half a download, and checks what is there", async () => {
    const stage = folder.join("stage");
    const args = (out: string) => [`${server.url}/dump.zstd.dat`, "-o", folder.join(out), "--stage", stage, ...CHUNKS];
    await convertOk(args("staged"));
    expect(days(folder.join("staged"))).toEqual(wanted);
    const names = readdirSync(stage);
    const copy = join(stage, names.find((name) => name.endsWith(".dat")) ?? "");
    expect(readFileSync(copy).equals(readFileSync(join(root, "dump.zstd.dat")))).toBe(true);
    expect(readFileSync(`${copy}.sha256`, "utf8")).toContain(new Bun.SHA256().update(readFileSync(copy)).digest("hex"));

    const before = accesses().length;
    await convertOk(args("staged-again"));
    expect(
      accesses()
        .slice(before)
        .filter((line) => !line.includes("bytes=0-5")),
    ).toEqual([]);

    // Half of it, as a kill leaves it.
    const half = Math.floor(statSync(copy).size / 2);
    writeFileSync(`${copy}.part`, readFileSync(copy).subarray(0, half));
    writeFileSync(copy, "damaged on the disk");
    const middle = accesses().length;
    await convertOk(args("staged-half"));
    expect(days(folder.join("staged-half"))).toEqual(wanted);
    expect(accesses().slice(middle).join("\n")).toContain(`bytes=${half}-`);
  });
});

test("--stage that is interrupted exits with 75 and goes on with what is there", async () => {
  const stage = folder.join("stage-stop");
  const args = [`${server.url}/slow/dump.jsonl`, "-o", folder.join("stage-stop-out"), "--stage", stage, ...CHUNKS];
  const child = startCli(["convert", ...args]);
  const part = () => (existsSync(stage) ? readdirSync(stage).find((name) => name.endsWith(".part")) : undefined);
  const size = () => statSync(join(stage, part() ?? "")).size;
  while (child.exitCode === null && (part() === undefined || size() < 1_000_000)) await Bun.sleep(5);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(75);
  const taken = size();
  const before = accesses().length;
  await convertOk(args);
  expect(accesses().slice(before).join("\n")).toContain(`bytes=${taken}-`);
  expect(days(folder.join("stage-stop-out"))).toEqual(wanted);
}, 30_000);

describe("archive.org", () => {
  const files = new Map([
    ["a file.jsonl", readFileSync(dump.path)],
    ["more.jsonl.zst", readFileSync(join(root, "dump.zstd.dat"))],
    ["readme.txt", Buffer.from("about")],
  ]);
  let sha1 = "";
  // The program is told of it as of any HTTP proxy.
  const archive = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const path = decodeURIComponent(new URL(request.url).pathname);
      if (path === "/metadata/nostr-dump")
        return Response.json({ files: [...files.keys()].map((name) => (sha1 === "" ? { name } : { name, sha1 })) });
      if (path.startsWith("/metadata/")) return Response.json({});
      const bytes = files.get(path.replace("/download/nostr-dump/", ""));
      return bytes === undefined ? new Response("", { status: 404 }) : new Response(new Uint8Array(bytes));
    },
  });
  afterAll(() => {
    archive.stop(true);
  });
  const env = { http_proxy: `http://127.0.0.1:${archive.port}`, no_proxy: "", NO_PROXY: "" };

  test("an item is all its dumps, a file within it is that file", async () => {
    const out = folder.join("item");
    await convertOk(["http://archive.org/details/nostr-dump", "-o", out, ...CHUNKS], undefined, env);
    expect(days(out)).toEqual(wanted);
    expect(readManifest(out).runs[0].inputs.map(({ name }) => name)).toEqual([
      "http://archive.org/download/nostr-dump/a%20file.jsonl",
      "http://archive.org/download/nostr-dump/more.jsonl.zst",
    ]);
    const one = folder.join("item-file");
    await convertOk(["http://archive.org/details/nostr-dump/more.jsonl.zst", "-o", one, ...CHUNKS], undefined, env);
    expect(readManifest(one).runs[0].inputs).toHaveLength(1);
  });

  test("what is missing is said", async () => {
    const convert = (url: string) => runCli(["convert", url, "-o", folder.join("no-item")], undefined, env);
    const item = await convert("http://archive.org/details/nothing");
    expect([item.exitCode, item.stderr]).toEqual([2, expect.stringContaining("archive.org knows no item nothing")]);
    const file = await convert("http://archive.org/details/nostr-dump/b.jsonl");
    expect(file.stderr).toContain("holds no file b.jsonl. It holds: a file.jsonl, more.jsonl.zst, readme.txt");
  });

  test("a staged copy must have the checksum that the item publishes", async () => {
    sha1 = "0".repeat(40);
    const stage = ["--stage", folder.join("item-stage")];
    const args = ["http://archive.org/download/nostr-dump/more.jsonl.zst", "-o", folder.join("item-bad"), ...stage];
    const { exitCode, stderr } = await runCli(["convert", ...args], undefined, env);
    expect(stderr).toContain("does not have the sha1 that its source publishes");
    expect(exitCode).toBe(1);
    sha1 = new Bun.SHA1().update(readFileSync(join(root, "dump.zstd.dat"))).digest("hex");
    await convertOk(args, undefined, env);
  });
});
