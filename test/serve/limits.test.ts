import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type RawClient, type RelayProcess, startRelayProcess, until } from "../../scripts/services/relay.ts";
import { readArchive } from "../run/archive.ts";
import { convertOk, makeDump, temporaryFolder } from "../run/cli.ts";

const folder = temporaryFolder();
const archive = folder.join("archive");
const dump = await makeDump(folder.path, "dump.jsonl", { lines: 3000, days: 3, duplicates: 0, invalid: 0 });
await convertOk([dump.path, "-o", archive]);
const events = readArchive(archive);
afterAll(() => folder[Symbol.dispose]());

/** Runs a test with a relay and a client of it. */
async function withRelay(options: string[], work: (client: RawClient, relay: RelayProcess) => Promise<void>) {
  const relay = await startRelayProcess([archive, ...options]);
  try {
    const client = await connect(relay.url);
    await work(client, relay);
    client.close();
  } finally {
    await relay.stop("SIGKILL");
  }
}

describe("what a client says wrong", () => {
  test("is answered by what NIP-01 has for it", async () => {
    await withRelay(["--max-messages-per-second", "1000"], async (client) => {
      const expectAnswer = async (message: string | Uint8Array, ...answer: unknown[]) => {
        client.sendText(message);
        expect([message, await client.next()]).toEqual([message, answer]);
      };
      const says = (text: string) => expect.stringContaining(text);
      const id = "0".repeat(64);
      await expectAnswer("REQ", "NOTICE", says("invalid: a message is a JSON array"));
      await expectAnswer("", "NOTICE", says("invalid: "));
      await expectAnswer("{}", "NOTICE", says("invalid: "));
      await expectAnswer("[]", "NOTICE", says("invalid: "));
      await expectAnswer("null", "NOTICE", says("invalid: "));
      await expectAnswer(new Uint8Array([1, 2, 3]), "NOTICE", says("invalid: messages are text"));
      await expectAnswer('["AUTH","challenge"]', "NOTICE", says("unsupported: "));
      await expectAnswer("[17]", "NOTICE", says("unsupported: "));
      await expectAnswer('["REQ"]', "NOTICE", says("invalid: REQ needs a subscription id"));
      await expectAnswer('["REQ",""]', "NOTICE", says("invalid: REQ needs a subscription id"));
      await expectAnswer('["REQ",{},{}]', "NOTICE", says("invalid: REQ needs a subscription id"));
      await expectAnswer(`["COUNT","${"x".repeat(65)}",{}]`, "NOTICE", says("invalid: COUNT needs a subscription id"));
      await expectAnswer('["CLOSE"]', "NOTICE", says("invalid: CLOSE needs a subscription id"));
      await expectAnswer('["REQ","a"]', "CLOSED", "a", "invalid: REQ needs at least one filter");
      await expectAnswer(`["REQ","a"${",{}".repeat(21)}]`, "CLOSED", "a", says("invalid: 21 filters"));
      await expectAnswer('["REQ","a",null]', "CLOSED", "a", says("invalid: filter 1"));
      await expectAnswer('["REQ","a",["x"]]', "CLOSED", "a", says(": filter 1"));
      await expectAnswer('["REQ","a",{},{"kinds":"1"}]', "CLOSED", "a", says("invalid: filter 2: kinds"));
      await expectAnswer('["REQ","a",{"ids":["00ff"]}]', "CLOSED", "a", says("invalid: filter 1: ids.0"));
      await expectAnswer(`["REQ","a",{"authors":["${"A".repeat(64)}"]}]`, "CLOSED", "a", says("invalid: filter 1"));
      await expectAnswer('["REQ","a",{"limit":-1}]', "CLOSED", "a", says("invalid: filter 1: limit"));
      await expectAnswer('["REQ","a",{"since":1.5}]', "CLOSED", "a", says("invalid: filter 1: since"));
      await expectAnswer('["REQ","a",{"#t":[1]}]', "CLOSED", "a", says("invalid: filter 1: #t"));
      await expectAnswer(
        '["COUNT","a",{"#tt":["x"]}]',
        "CLOSED",
        "a",
        says('unsupported: filter 1 has the unknown field "#tt"'),
      );
      await expectAnswer(`["EVENT",{"id":"${id}"}]`, "OK", id, false, "blocked: this relay is read-only");
      await expectAnswer('["EVENT",7]', "NOTICE", says("invalid: "));
      // It is not sent back.
      await expectAnswer(
        `["EVENT",{"id":"${"0".repeat(10_000)}"}]`,
        "NOTICE",
        "invalid: EVENT needs an event with an id",
      );
      // After all that it still works.
      await expectAnswer('["COUNT","a",{}]', "COUNT", "a", { count: events.length });
    });
  });

  test("is not looked at when it is too long, and ends the connection when it is much too long", async () => {
    await withRelay(["--max-message-size", "1kB"], async (client) => {
      const padded = (length: number) => JSON.stringify(["COUNT", "a", {}]).padEnd(length);
      client.sendText(padded(1000));
      expect(await client.next()).toEqual(["COUNT", "a", { count: events.length }]);
      client.sendText(padded(1001));
      expect(await client.next()).toEqual(["NOTICE", expect.stringContaining("more than 1000 bytes")]);
      // Bytes count, not characters.
      client.send(["COUNT", "a", { search: "ü".repeat(500) }]);
      expect(await client.next()).toEqual(["NOTICE", expect.stringContaining("more than 1000 bytes")]);
      client.sendText(padded(100_000));
      expect((await client.closed).code).toBe(1009);
    });
  });
});

describe("limits", () => {
  test("of events: the default one, and the largest", async () => {
    await withRelay(["--default-limit", "20", "--max-limit", "50"], async (client) => {
      const number = async (filter: object) => {
        client.send(["REQ", "a", filter]);
        return (await client.upTo("EOSE")).length - 1;
      };
      expect(await number({})).toBe(20);
      expect(await number({ limit: 30 })).toBe(30);
      expect(await number({ limit: 1000 })).toBe(50);
      expect(await number({ limit: 0 })).toBe(0);
      expect(await number({ ids: events.slice(0, 40).map(({ id }) => id) })).toBe(40);
      client.send(["REQ", "b", { kinds: [1] }, { kinds: [7] }]);
      expect((await client.upTo("EOSE")).length - 1).toBe(40);
    });
  });

  test("of subscriptions: closed ones and answered counts do not matter", async () => {
    await withRelay(["--max-subscriptions", "2"], async (client) => {
      for (const id of ["a", "b", "b"]) {
        client.send(["REQ", id, { limit: 1 }]);
        await client.upTo("EOSE");
      }
      client.send(["REQ", "c", { limit: 1 }]);
      expect(await client.next()).toEqual(["CLOSED", "c", "error: at most 2 subscriptions at once"]);
      client.send(["CLOSE", "a"]);
      for (let n = 0; n < 3; n++) {
        client.send(["COUNT", `n${n}`, {}]);
        expect((await client.next())[0]).toBe("COUNT");
      }
      client.send(["REQ", "c", { limit: 1 }]);
      expect((await client.upTo("EOSE")).length).toBe(2);
    });
  });

  test("of queries that wait, also of ended ones", async () => {
    await withRelay(["--max-subscriptions", "2", "--max-messages-per-second", "1000"], async (client) => {
      for (let n = 0; n < 200; n++) client.send(["REQ", "same", { search: "no such text" }]);
      expect(await client.next()).toEqual(["CLOSED", "same", "error: at most 2 subscriptions at once"]);
    });
  });

  test("of messages: refused first, and who goes on all the same is disconnected", async () => {
    await withRelay(["--max-messages-per-second", "2"], async (client) => {
      // Ten at once may come.
      for (let n = 0; n < 25; n++) client.send(["COUNT", `n${n}`, {}]);
      const answers = [];
      try {
        for (;;) answers.push(await client.next());
      } catch {
        // It is closed.
      }
      const refused = answers.filter(([type]) => type === "CLOSED");
      expect(answers.length - refused.length).toBeGreaterThan(0);
      expect(refused.length).toBeGreaterThan(5);
      for (const answer of refused) expect(answer[2]).toBe("rate-limited: at most 2 messages a second");
      expect(await client.closed).toMatchObject({ code: 1008 });
    });
  });

  test("of connections: from one address, and in all", async () => {
    const options = ["--max-connections", "4", "--max-connections-per-address", "2", "--trust-proxy"];
    await withRelay(options, async (first, relay) => {
      const from = (address: string) => connect(relay.url, { "x-forwarded-for": `192.0.2.9, ${address}` });
      const second = await connect(relay.url);
      await expect(connect(relay.url)).rejects.toThrow("refused");
      await from("192.0.2.1");
      await from("192.0.2.2");
      await expect(from("192.0.2.3")).rejects.toThrow("refused");
      const { status } = await fetch(relay.httpUrl, {
        headers: { upgrade: "websocket", connection: "Upgrade", "x-forwarded-for": "192.0.2.3" },
      });
      expect(status).toBe(429);
      for (const client of [first, second]) {
        client.close();
        await client.closed;
      }
      await until(() =>
        from("192.0.2.3").then(
          () => true,
          () => false,
        ),
      );
    });
  });

  test("of what a query may take: events looked at, and time", async () => {
    await withRelay(["--max-scanned", "100"], async (client) => {
      for (const type of ["REQ", "COUNT"]) {
        client.send([type, "a", { search: "no such text" }]);
        expect(await client.next()).toEqual([
          "CLOSED",
          "a",
          expect.stringContaining("error: too broad: 100 events were looked at in vain"),
        ]);
      }
      client.send(["REQ", "a", { limit: 200 }]);
      expect((await client.upTo("EOSE", "CLOSED")).at(-1)).toEqual(["EOSE", "a"]);
    });
    await withRelay(["--query-timeout", "0.001"], async (client) => {
      client.send(["REQ", "a", { search: "no such text" }]);
      expect(await client.next()).toEqual(["CLOSED", "a", expect.stringContaining("error: too broad: it takes more")]);
    });
  });
});

describe("a client that does not read", () => {
  const CONNECTIONS = 10;
  const SUBSCRIPTIONS = 40;

  /** A process that asks for all events again and again, from two addresses, and then stands still. */
  async function startSilentClient(relay: RelayProcess, connections = CONNECTIONS): Promise<Bun.Subprocess> {
    const program = `
      for (let c = 0; c < ${connections}; c++) {
        const headers = { "x-forwarded-for": "192.0.2." + (c % 2) };
        const socket = new WebSocket(${JSON.stringify(relay.url)}, { headers });
        await new Promise((resolve) => { socket.onopen = resolve; });
        for (let s = 0; s < ${SUBSCRIPTIONS}; s++) socket.send(JSON.stringify(["REQ", "s" + s, { limit: 5000 }]));
      }
      process.kill(process.pid, "SIGSTOP");`;
    const child = Bun.spawn([process.execPath, "-e", program], { stdio: ["ignore", "ignore", "inherit"] });
    await until(() => /^State:\s+T/m.test(readFileSync(`/proc/${child.pid}/status`, "utf8")));
    return child;
  }
  /** Many more than have a place, from two addresses. */
  const CROWD = 40;
  const residentBytes = ({ pid }: RelayProcess) =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;

  test("makes its own queries wait: memory stays bounded, and others are answered", async () => {
    await withRelay([], async (client, relay) => {
      client.send(["REQ", "all", { limit: 5000 }]);
      const answer = await client.upTo("EOSE");
      const pending = CONNECTIONS * SUBSCRIPTIONS * JSON.stringify(answer).length;
      expect(pending).toBeGreaterThan(1e9);
      const before = residentBytes(relay);
      const silent = await startSilentClient(relay);
      let most = 0;
      for (let n = 0; n < 20; n++) {
        client.send(["REQ", "some", { kinds: [1], limit: 20 }]);
        expect((await client.upTo("EOSE")).length).toBe(21);
        most = Math.max(most, residentBytes(relay));
        await Bun.sleep(100);
      }

      expect(most - before).toBeLessThan(256e6);
      silent.kill("SIGKILL");
      await silent.exited;
    });
  }, 30_000);

  test("loses its place when others need it", async () => {
    await withRelay(["--trust-proxy", "--verbose"], async (client, relay) => {
      const silent = await startSilentClient(relay, CROWD);
      const start = performance.now();
      for (let n = 0; n < 3; n++) {
        client.send(["REQ", "some", { kinds: [1], limit: 20 }]);
        expect((await client.upTo("EOSE", "CLOSED")).length).toBe(21);
      }
      // Far below the stall limit: nobody was given up.
      expect(performance.now() - start).toBeLessThan(15_000);
      expect(relay.log()).toContain("error: others wait");
      expect(relay.log()).not.toContain("ended by the client");
      silent.kill("SIGKILL");
      await silent.exited;
    });
  }, 60_000);

  test("is given up after a while", async () => {
    await withRelay(["--stall-limit", "1", "--verbose"], async (client, relay) => {
      const silent = await startSilentClient(relay);
      const ended = () => relay.log().split("ended by the client").length - 1;
      // Two queries of each connection were under way.
      await until(() => ended() >= CONNECTIONS, 15_000);
      client.send(["COUNT", "a", {}]);
      expect((await client.next())[0]).toBe("COUNT");
      silent.kill("SIGKILL");
      await silent.exited;
    });
  }, 30_000);
});
