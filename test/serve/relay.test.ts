import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import fc from "fast-check";
import { AbstractRelay } from "nostr-tools/abstract-relay";
import { SimplePool } from "nostr-tools/pool";
import { z } from "zod";
import { dayFileName } from "../../cli/store/layout.ts";
import { connect, type Message, startRelayProcess, until } from "../../scripts/services/relay.ts";
import { readArchive } from "../run/archive.ts";
import { convertOk, makeDump, runCli, temporaryFolder } from "../run/cli.ts";
import { type JsonFilter, naiveQuery } from "./naive.ts";

const DEFAULT_LIMIT = 500;

const folder = temporaryFolder();
const archive = folder.join("archive");
const dump = await makeDump(folder.path, "dump.jsonl", { lines: 3000, days: 4 });
await convertOk([dump.path, "-o", archive, "--validate-signatures"]);
const events = readArchive(archive);
const relay = await startRelayProcess([
  archive,
  ...["--max-connections-per-address", "200", "--max-messages-per-second", "1000"],
]);
afterAll(async () => {
  await relay.stop();
  folder[Symbol.dispose]();
});

const idsOf = (messages: Message[]) =>
  messages.filter(([type]) => type === "EVENT").map(([, , event]) => z.object({ id: z.string() }).parse(event).id);
const wanted = (...filters: JsonFilter[]) => naiveQuery(events, filters, DEFAULT_LIMIT).map(({ id }) => id);

/** Values that some events have, and some that none has. */
const pick = <T>(of: (event: (typeof events)[number]) => T) => fc.nat(events.length - 1).map((n) => of(events[n]));
const some = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 1, maxLength: 4 });
const tagValue = (name: string) =>
  fc.constantFrom(
    ...events.flatMap(({ tags }) =>
      tags.flatMap(([key, value]) => (key === name && typeof value === "string" ? [value] : [])),
    ),
    "0".repeat(64),
  );
const filters: fc.Arbitrary<JsonFilter> = fc.record(
  {
    ids: some(pick(({ id }) => id)),
    authors: some(pick(({ pubkey }) => pubkey)),
    kinds: some(pick(({ kind }) => kind)),
    since: pick(({ created_at }) => created_at),
    until: pick(({ created_at }) => created_at),
    limit: fc.integer({ min: 0, max: 100 }),
    search: fc.constantFrom("nostr", "🚀", "no such text"),
    "#p": some(tagValue("p")),
    "#t": some(tagValue("t")),
  },
  { requiredKeys: [] },
);

describe("a Nostr client", () => {
  test("gets with any filters what NIP-01 says, newest first", async () => {
    const client = await connect(relay.url);
    await fc.assert(
      fc.asyncProperty(fc.array(filters, { minLength: 1, maxLength: 3 }), async (asked) => {
        client.send(["REQ", "any", ...asked]);
        const messages = await client.upTo("EOSE", "CLOSED");
        expect(messages.at(-1)).toEqual(["EOSE", "any"]);
        expect(idsOf(messages)).toEqual(wanted(...asked));
      }),
      { numRuns: 150 },
    );
    client.close();
  }, 30_000);

  test("gets whole events, whose signatures it checks", async () => {
    const pool = new SimplePool();
    // The client passes over events with numbers in tags.
    const texts = events.filter(({ tags }) => tags.flat().every((value) => typeof value === "string"));
    const [first] = texts;
    const { pubkey } = first;
    const found = await pool.querySync([relay.url], { authors: [pubkey], limit: 20 });
    const all = wanted({ authors: [pubkey], limit: 20 });
    expect(found.map(({ id }) => id).sort()).toEqual(
      texts
        .map(({ id }) => id)
        .filter((id) => all.includes(id))
        .sort(),
    );
    expect(JSON.parse(JSON.stringify(found))).toContainEqual(first);
    pool.close([relay.url]);
  });

  test("subscribes, counts, and publishes in vain", async () => {
    const client = await AbstractRelay.connect(relay.url, { verifyEvent: () => true });
    const got: string[] = [];
    await new Promise<void>((resolve) => {
      client.subscribe([{ kinds: [0] }], { onevent: ({ id }) => got.push(id), oneose: resolve });
    });
    expect(got).toEqual(wanted({ kinds: [0] }));
    const [first] = events;
    const notes = events.filter(({ kind }) => kind === 1).length;
    expect(await client.count([{ kinds: [1] }], {})).toBe(notes);
    expect(await client.count([{ search: "nostr" }], {})).toBe(
      events.filter(({ content }) => content.includes("nostr")).length,
    );
    const event = { ...first, tags: [] };
    await expect(client.publish(event)).rejects.toThrow("blocked: this relay is read-only");
    client.close();
  });

  test("is one of a hundred at once, and each gets its own answers", async () => {
    await Promise.all(
      fc.sample(filters, { numRuns: 100, seed: 7 }).map(async (filter, n) => {
        const client = await connect(relay.url);
        client.send(["REQ", `s${n}`, filter]);
        const messages = await client.upTo("EOSE", "CLOSED");
        expect(messages.at(-1)).toEqual(["EOSE", `s${n}`]);
        expect(idsOf(messages)).toEqual(wanted(filter));
        client.close();
      }),
    );
  }, 30_000);

  test("keeps a subscription open, replaces it and closes it", async () => {
    const client = await connect(relay.url);
    client.send(["REQ", "a", { limit: 2000 }]);
    client.send(["REQ", "a", { ids: [events[0].id] }]);
    const messages = await client.upTo("EOSE");
    expect(idsOf(messages).at(-1)).toBe(events[0].id);
    client.send(["CLOSE", "a"]);
    client.send(["CLOSE", "never opened"]);
    client.send(["COUNT", "after", { ids: [events[0].id] }]);
    expect(await client.next()).toEqual(["COUNT", "after", { count: 1 }]);
    client.close();
  });

  test("gets quick answers while others let the relay search", async () => {
    const heavy = await connect(relay.url);
    for (let n = 0; n < 30; n++) heavy.send(["COUNT", `${n}`, { search: `no such text ${n}` }]);
    let answered = 0;
    const all = (async () => {
      for (; answered < 30; answered++) await heavy.next();
    })();
    const client = await connect(relay.url);
    client.send(["REQ", "quick", { ids: [events[0].id] }]);
    expect(idsOf(await client.upTo("EOSE"))).toEqual([events[0].id]);
    expect(answered).toBeLessThan(30);
    await all;
    client.close();
    heavy.close();
  });
});

test("describes itself to programs and people (NIP-11)", async () => {
  const response = await fetch(relay.httpUrl, { headers: { accept: "application/nostr+json" } });
  expect(response.headers.get("content-type")).toBe("application/nostr+json");
  for (const name of ["origin", "headers", "methods"])
    expect(response.headers.get(`access-control-allow-${name}`)).toBeTruthy();
  expect(await response.json()).toMatchObject({
    name: "Proton Beam archive",
    description: expect.stringContaining(`${events.length.toLocaleString("en-US")} events, 2024-01-01 to 2024-01-04`),
    supported_nips: [1, 11, 45, 50],
    limitation: {
      max_message_length: 131_072,
      max_subscriptions: 50,
      max_filters: 20,
      max_limit: 5000,
      default_limit: DEFAULT_LIMIT,
      max_subid_length: 64,
      auth_required: false,
      restricted_writes: true,
      max_messages_per_second: 1000,
    },
  });
  expect(await (await fetch(relay.httpUrl)).text()).toContain("ws://");
  expect(await (await fetch(`${relay.httpUrl}/healthz`)).text()).toBe("ok\n");
  expect((await fetch(relay.httpUrl, { method: "OPTIONS" })).status).toBe(204);
  expect((await fetch(relay.httpUrl, { method: "POST" })).status).toBe(405);
});

test("serves what is added to the archive meanwhile, and says what cannot be read", async () => {
  const growing = folder.join("growing");
  await convertOk([dump.path, "-o", growing]);
  const server = await startRelayProcess([growing, "--cache-size", "0"]);
  const client = await connect(server.url);
  const count = async () => {
    client.send(["COUNT", "all", {}]);
    return (await client.next())[2];
  };
  const before = await count();
  const more = await makeDump(folder.path, "more.jsonl", { lines: 500, days: 5 });
  await convertOk([more.path, "-o", growing]);
  const total = readArchive(growing).length;
  await until(async () => Bun.deepEquals(await count(), { count: total }));
  expect(before).not.toEqual({ count: total });
  client.send(["REQ", "newest", { limit: 10 }]);
  expect(idsOf(await client.upTo("EOSE"))).toEqual(
    naiveQuery(readArchive(growing), [{ limit: 10 }], 10).map(({ id }) => id),
  );
  expect(server.log()).toContain("opened anew");

  // A file of the archive is lost: queries that need it fail, others do not.
  const lost = folder.join("growing", dayFileName(Date.UTC(2024, 0, 2) / 86_400_000));
  expect(existsSync(lost)).toBe(true);
  await Bun.file(lost).delete();
  const day = Date.UTC(2024, 0, 2) / 1000;
  client.send(["REQ", "lost", { since: day, until: day + 86_399 }]);
  const [type, id, why] = await client.next();
  expect([type, id]).toEqual(["CLOSED", "lost"]);
  expect(why).toStartWith("error: ");
  expect(why).not.toContain(folder.path);
  expect(server.log()).toContain(lost);
  client.send(["REQ", "newest", { limit: 1 }]);
  expect((await client.upTo("EOSE")).length).toBe(2);
  client.close();
  await server.stop();
}, 30_000);

test("takes its leave on SIGTERM and SIGINT", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const server = await startRelayProcess([archive]);
    const client = await connect(server.url);
    client.send(["REQ", "a", { limit: 5 }]);
    await client.upTo("EOSE");
    client.send(["REQ", "all", { limit: 5000 }]);
    const exitCode = server.stop(signal);
    expect((await client.closed).code).toBe(1001);
    expect(await exitCode).toBe(0);
  }
}, 20_000);

test("says what is wrong before it starts", async () => {
  const expectFailure = async (args: string[], exitCode: number, message: string) => {
    const result = await runCli(["serve", ...args]);
    expect([result.exitCode, result.stderr]).toEqual([exitCode, expect.stringContaining(message)]);
  };
  await expectFailure([folder.join("nowhere")], 1, "holds no archive");
  await expectFailure([archive, "--port", relay.url.split(":")[2]], 1, "another program listens there");
  await expectFailure([archive, "--port", "70000"], 2, "port");
  await expectFailure([archive, "--max-limit", "10"], 2, "--default-limit is larger than --max-limit");
}, 20_000);

test("logs queries as JSON lines, without content, when asked to", async () => {
  const server = await startRelayProcess([archive, "--verbose"]);
  const client = await connect(server.url);
  client.send(["REQ", "a", { kinds: [1], limit: 3 }]);
  await client.upTo("EOSE");
  client.close();
  await until(() => server.log().includes('"query"'));
  await server.stop();
  const [line] = server
    .log()
    .split("\n")
    .filter((text) => text.startsWith("{"));
  expect(JSON.parse(line)).toMatchObject({ type: "REQ", id: "a", events: 3, result: "done" });
  for (const { content } of events.filter(({ content }) => content.length > 20))
    expect(server.log()).not.toContain(content);
});
