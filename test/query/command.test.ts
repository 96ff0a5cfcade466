import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { neventEncode, noteEncode, nprofileEncode, npubEncode, nsecEncode } from "nostr-tools/nip19";
import type { NostrEvent } from "../../cli/event/event.ts";
import { readArchive } from "../run/archive.ts";
import { runCli, startCli, temporaryFolder } from "../run/cli.ts";
import { makeCrowdedArchive, naiveSearch } from "./crowd.ts";
import { EVERYTHING } from "./readers.ts";

setDefaultTimeout(60_000);
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const archive = await makeCrowdedArchive(folder.path, 1500);
const events = readArchive(archive);
const newest = naiveSearch(events, [EVERYTHING], "newest");
const here = ["-a", archive];

const lines = (stdout: string): NostrEvent[] =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

describe("get", () => {
  test("prints events in the order asked for, whatever the form of the id", async () => {
    const [a, b, c] = events;
    const ids = [b.id.toUpperCase(), noteEncode(a.id), neventEncode({ id: c.id }), `nostr:${noteEncode(b.id)}`];
    const { stdout, stderr, exitCode } = await runCli(["get", ...ids, ...here]);
    expect(lines(stdout)).toEqual([b, a, c, b]);
    expect([stderr, exitCode]).toEqual(["", 0]);
  });

  test("names the ids that are not there, and prints the others", async () => {
    const { stdout, stderr, exitCode } = await runCli(["get", events[0].id, "0".repeat(64), events[1].id, ...here]);
    expect(lines(stdout)).toEqual(events.slice(0, 2));
    expect(stderr).toBe(`proton-beam: ${"0".repeat(64)} is not in the archive\n`);
    expect(exitCode).toBe(1);
  });

  test("reads ids from standard input", async () => {
    const some = events.slice(0, 100);
    const text = `${some.map(({ id }) => id).join("\n")}\n\n  nonsense ${events[200].id}`;
    const { stdout, stderr, exitCode } = await runCli(["get", "-", ...here], new Blob([text]));
    expect(lines(stdout)).toEqual([...some, events[200]]);
    expect(stderr).toContain('"nonsense" is no event id');
    expect(exitCode).toBe(1);
  });

  test("answers each id on standard input without waiting for the next", async () => {
    const input = new TransformStream<Uint8Array, Uint8Array>();
    const writer = input.writable.getWriter();
    const child = startCli(["get", "-", ...here], input.readable);
    const reader = child.stdout.getReader();
    for (const event of events.slice(0, 3)) {
      await writer.write(Buffer.from(`${event.id}\n`));
      expect(lines(Buffer.from((await reader.read()).value ?? []).toString())).toEqual([event]);
    }
    await writer.close();
    expect(await child.exited).toBe(0);
  });

  test("refuses what is no id", async () => {
    for (const id of ["abc", npubEncode("ab".repeat(32)), `${events[0].id}0`]) {
      const { stdout, stderr, exitCode } = await runCli(["get", id, ...here]);
      expect([stdout, exitCode]).toEqual(["", 2]);
      expect(stderr).toContain(`"${id}" is no event id: write 64 hex digits, note1… or nevent1…`);
    }
  });

  test("a damaged member is no reason not to print the rest", async () => {
    const path = folder.join("damaged");
    cpSync(archive, path, { recursive: true });
    const first = join(path, "2023_11_14.pb.gz");
    const bytes = readFileSync(first);
    bytes[500] ^= 0x55;
    writeFileSync(first, bytes);
    const [lost, kept] = [events[0], events[events.length - 1]];
    const { stdout, stderr, exitCode } = await runCli(["get", lost.id, kept.id, "-a", path]);
    expect(lines(stdout)).toEqual([kept]);
    expect(stderr).toContain("is damaged");
    expect(exitCode).toBe(1);
  });
});

describe("query", () => {
  test("takes NIP-01 filters in JSON, any of which may match", async () => {
    const { stdout, exitCode } = await runCli([
      "query",
      '{"kinds":[7],"limit":5}',
      '{"#t":["nostr"],"limit":3}',
      ...here,
    ]);
    const filters = [
      { ...EVERYTHING, kinds: [[7, 7]] satisfies [number, number][], limit: 5 },
      { ...EVERYTHING, tags: [{ name: "t", values: ["nostr"] }], limit: 3 },
    ];
    expect(lines(stdout)).toEqual(naiveSearch(events, filters, "newest"));
    expect(exitCode).toBe(0);
  });

  test("takes options, with keys as people have them", async () => {
    const [{ pubkey }] = events;
    const other = events.find((event) => event.pubkey !== pubkey)?.pubkey ?? "";
    const target = events.flatMap(({ tags }) => tags).find(([name]) => name === "p")?.[1];
    if (typeof target !== "string") throw new Error("no event has a tag p");
    const cases: [string[], Partial<typeof EVERYTHING>][] = [
      [["--authors", `${npubEncode(pubkey)},${nprofileEncode({ pubkey: other })}`], { authors: [pubkey, other] }],
      [["--authors", npubEncode(pubkey), "--authors", other], { authors: [pubkey, other] }],
      [
        ["--kinds", "0", "--kinds", "7-30023"],
        {
          kinds: [
            [0, 0],
            [7, 30_023],
          ],
        },
      ],
      [["--since", "2023-11-15", "--until", "1700092800"], { since: 1_700_006_400, until: 1_700_092_800 }],
      [["--tag", `p=${npubEncode(target)}`], { tags: [{ name: "p", values: [target] }] }],
      [
        ["--tag", "t=nostr", "--tag", "t=5", "--tag", "T=nostr"],
        {
          tags: [
            { name: "t", values: ["nostr", "5"] },
            { name: "T", values: ["nostr"] },
          ],
        },
      ],
      [["--search", "WORLD", "-i", "--limit", "7"], { search: { text: "WORLD", ignoreCase: true }, limit: 7 }],
      [["--search", 'a "quoted" \\ line\nand'], { search: { text: 'a "quoted" \\ line\nand', ignoreCase: false } }],
      [["--ids", `${noteEncode(events[3].id)},${events[4].id}`], { ids: [events[3].id, events[4].id] }],
    ];
    for (const [options, filter] of cases) {
      const expected = naiveSearch(events, [{ ...EVERYTHING, ...filter }], "newest");
      expect(expected.length).toBeGreaterThan(0);
      const { stdout, stderr, exitCode } = await runCli(["query", ...options, ...here]);
      expect([stderr, exitCode]).toEqual(["", 0]);
      expect(lines(stdout)).toEqual(expected);
      const counted = await runCli(["query", ...options, ...here, "--count"]);
      expect(counted).toEqual({ stdout: `${expected.length}\n`, stderr: "", exitCode: 0 });
    }
  });

  test("gives everything without a filter, also the other way round", async () => {
    expect(lines((await runCli(["query", ...here])).stdout)).toEqual(newest);
    expect(lines((await runCli(["query", "--oldest-first", ...here])).stdout)).toEqual(
      naiveSearch(events, [EVERYTHING], "oldest"),
    );
    const nothing = await runCli(["query", "--kinds", "5", ...here]);
    expect(nothing).toEqual({ stdout: "", stderr: "", exitCode: 0 });
  });

  test("says what is wrong with a filter", async () => {
    const cases: [string[], string][] = [
      [["{"], "{ is no filter, which is a JSON object"],
      [["[1]"], "expected object"],
      [['{"kindz":[1]}'], "is no field of a filter (NIP-01)\n  → at kindz"],
      [['{"#tt":["x"]}'], '→ at ["#tt"]'],
      [['{"#e":["ABCD"]}'], 'must be 64 lowercase hex digits\n  → at ["#e"][0]'],
      [['{"#t":"x"}'], "expected array"],
      [['{"ids":["abc"]}'], "must be 64 lowercase hex digits\n  → at ids[0]"],
      [['{"limit":-1}'], "→ at limit"],
      [['{"since":"yesterday"}'], "→ at since"],
      [['{"kinds":[1]}', "--limit", "3"], "give filters as JSON or as options, not both"],
      [["--kinds", "x"], '"x" is no kind'],
      [["--since", "yesterday"], '"yesterday" is no time'],
      [["--authors", "npub1x"], '--authors: "npub1x" is no public key'],
      [["--authors", nsecEncode(new Uint8Array(32).fill(5))], "--authors: a secret key (nsec1…) is no public key"],
      [["--tag", "nostr"], '--tag: "nostr" is no tag'],
      [["--tag", "p=me"], '--tag: "me" is no public key'],
      [["--limit", "many"], "limit"],
      [["--unknown"], "unknown"],
    ];
    for (const [args, message] of cases) {
      const { stdout, stderr, exitCode } = await runCli(["query", ...args, ...here]);
      expect([args, stdout, exitCode]).toEqual([args, "", 2]);
      expect(stderr).toContain(message);
      expect(stderr).not.toContain("nsec1q");
    }
  });

  test("says that there is no archive", async () => {
    const { stderr, exitCode } = await runCli(["query", "-a", folder.join("nowhere")]);
    expect(stderr).toContain("holds no archive: there is no index.db");
    expect(exitCode).toBe(1);
  });

  test("ends quietly when its reader has enough", async () => {
    for (const args of [["query"], ["get", ...events.map(({ id }) => id)]]) {
      const child = startCli([...args, ...here]);
      const reader = child.stdout.getReader();
      await reader.read();
      await reader.cancel();
      expect(await child.exited).toBe(0);
      expect(await new Response(child.stderr).text()).toBe("");
    }
  });
});
