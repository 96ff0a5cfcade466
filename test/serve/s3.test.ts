import { afterAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { createRandom } from "../../scripts/generator/random.ts";
import { startFaultProxy } from "../../scripts/services/fault-proxy.ts";
import { connect, startRelayProcess, until } from "../../scripts/services/relay.ts";
import { startS3Server } from "../../scripts/services/s3-server.ts";
import { readArchive } from "../run/archive.ts";
import { convertOk, makeDump, temporaryFolder } from "../run/cli.ts";
import { naiveQuery } from "./naive.ts";

const folder = temporaryFolder();
const server = await startS3Server(folder.join("s3"));
afterAll(async () => {
  await server.stop();
  folder[Symbol.dispose]();
});

test("an archive in S3 is served, and what is added to it", async () => {
  server.createBucket("archives");
  const env = { ...server.env, XDG_CACHE_HOME: folder.join("cache") };
  const endpoint = ["--endpoint-url", server.url];
  const convert = async (name: string, lines: number) => {
    const dump = await makeDump(folder.path, name, { lines, days: 3 });
    await convertOk(
      [dump.path, "-o", folder.join("work"), "--s3-output", "s3://archives/a", ...endpoint],
      undefined,
      env,
    );
    return readArchive(server.path("archives", "a"));
  };
  const events = await convert("first.jsonl", 1500);
  const relay = await startRelayProcess(["s3://archives/a", ...endpoint], env);
  const client = await connect(relay.url);
  const filters = [{ kinds: [1, 7], limit: 50 }, { limit: 100 }];
  client.send(["REQ", "a", ...filters]);
  const wanted = naiveQuery(events, filters, 500).map((event) => ["EVENT", "a", event]);
  expect(await client.upTo("EOSE", "CLOSED")).toEqual([...wanted, ["EOSE", "a"]]);
  // Nothing but the index is on this disk.
  const cached = readdirSync(folder.join("cache/proton-beam"), { recursive: true }).map(String);
  expect(cached.filter((name) => name.includes("."))).toEqual([expect.stringMatching(/\.db$/)]);

  const more = await convert("second.jsonl", 700);
  await until(async () => {
    client.send(["COUNT", "all", {}]);
    return Bun.deepEquals((await client.next())[2], { count: more.length });
  });
  const [newest] = naiveQuery(more, [{ limit: 1 }], 1);
  client.send(["REQ", "b", { limit: 1 }]);
  expect(await client.upTo("EOSE", "CLOSED")).toEqual([
    ["EVENT", "b", newest],
    ["EOSE", "b"],
  ]);
  client.close();
  expect(await relay.stop()).toBe(0);
}, 30_000);

test("while it cannot be told whether the archive is another, its former state is served", async () => {
  server.createBucket("reached");
  const dump = await makeDump(folder.path, "reached.jsonl", { lines: 200, days: 1 });
  const place = ["--s3-output", "s3://reached/a", "--endpoint-url", server.url];
  await convertOk([dump.path, "-o", folder.join("reached"), ...place], undefined, server.env);
  const proxy = await startFaultProxy(server.port, createRandom("library"));
  const args = ["s3://reached/a", "--endpoint-url", proxy.url, "--retry-for", "600"];
  const relay = await startRelayProcess(args, { ...server.env, XDG_CACHE_HOME: folder.join("cache") });
  const client = await connect(relay.url);
  const count = async () => {
    client.send(["COUNT", "all", {}]);
    return client.next();
  };
  const before = await count();
  proxy.set(["slow-down"], 1);
  // Long enough for the next one to look.
  await Bun.sleep(2100);
  expect(await count()).toEqual(before);
  expect(proxy.dealt.get("slow-down")).toBeGreaterThan(0);
  client.close();
  expect(await relay.stop()).toBe(0);
  proxy.stop();
}, 30_000);
