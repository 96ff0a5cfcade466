import { Database } from "bun:sqlite";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { NostrEvent, TagValue } from "../../cli/event/event.ts";
import { TAG_TABLES } from "../../cli/index/schema.ts";
import { tagHash } from "../../cli/index/tags.ts";
import { type Filter, isInRanges } from "../../cli/query/filter.ts";
import { createRandom } from "../../scripts/generator/random.ts";
import { readArchive } from "../run/archive.ts";
import { convertOk } from "../run/cli.ts";

const START = 1_700_006_400 - 3600;
const hexOf = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

const AUTHORS = Array.from({ length: 9 }, (_, n) => hexOf(`author ${n}`));
const TARGETS = Array.from({ length: 5 }, (_, n) => hexOf(`target ${n}`));
const KINDS = [0, 1, 1, 1, 3, 7, 1984, 30_023];
const TOPICS = ["nostr", "Nostr", "", "5", "ünïcode 🤙", "a\u0000b"];
const TEXTS = ["hello world", "Hello World", "zap ⚡", 'a "quoted" \\ line\nand another\u2028', "nostr", ""];

/** Events with few values of everything, and many in the same second, so that random filters match some of them. */
export function crowdedEvents(count: number): NostrEvent[] {
  const random = createRandom("crowd");
  return Array.from({ length: count }, (_, n) => {
    const tags: TagValue[][] = Array.from({ length: random.int(0, 4) }, () =>
      random.pick<() => TagValue[]>([
        () => ["t", random.pick(TOPICS)],
        () => ["t", 5],
        () => ["T", "nostr", "more"],
        () => ["R", "pow", 0],
        () => [random.pick(["e", "p"]), random.pick(TARGETS), "wss://relay.example"],
        () => ["t"],
        () => ["title", "nostr"],
        () => [],
      ])(),
    );
    return {
      id: hexOf(`event ${n}`),
      pubkey: random.pick(AUTHORS),
      created_at: START + 60 * random.int(0, 40) + (random.chance(0.1) ? 86_400 * random.int(1, 3) : 0),
      kind: random.pick(KINDS),
      tags,
      content: random.pick(TEXTS) + "x".repeat(random.int(0, 2500)) + random.pick(TEXTS),
      sig: "5".repeat(128),
    };
  });
}

/** An archive of such events, of which most are in two days. */
export async function makeCrowdedArchive(folder: string, count: number): Promise<string> {
  const dump = join(folder, "crowd.jsonl");
  const archive = join(folder, "crowd");
  writeFileSync(
    dump,
    crowdedEvents(count)
      .map((event) => `${JSON.stringify(event)}\n`)
      .join(""),
  );
  await convertOk([dump, "-o", archive, "--no-validate-event-ids"]);
  return archive;
}

/** Gives the index of an archive rows for tags. */
export function addTagIndex(archive: string, names: string[]): void {
  const events = new Map(readArchive(archive).map((event) => [event.id, event]));
  const db = new Database(join(archive, "index.db"));
  db.run(TAG_TABLES);
  for (const name of names) db.run("INSERT INTO indexed_tag VALUES (?)", [name]);
  db.run("BEGIN");
  const rows = db.query<{ row: number; id: string }, []>("SELECT rowid AS row, lower(hex(id)) AS id FROM event").all();
  for (const { row, id } of rows) {
    const event = events.get(id);
    for (const [name, value] of event?.tags ?? [])
      if (typeof name === "string" && typeof value === "string" && names.includes(name))
        db.run("INSERT OR IGNORE INTO tag VALUES (?, ?, ?)", [tagHash(name, value), event?.created_at ?? 0, row]);
  }
  db.run("COMMIT");
  db.close();
}

const some = <T>(values: T[]) => fc.option(fc.array(fc.constantFrom(...values), { maxLength: 3 }), { freq: 2 });
const time = fc.integer({ min: START - 100, max: START + 86_400 * 3 });

/** Filters over these events; some of what they ask for is nowhere. */
export const anyFilter: fc.Arbitrary<Filter> = fc.record({
  ids: fc.option(
    fc.array(
      fc.integer({ min: 0, max: 2600 }).map((n) => hexOf(`event ${n}`)),
      { maxLength: 40 },
    ),
    {
      freq: 1,
    },
  ),
  authors: some([...AUTHORS, hexOf("nobody")]),
  kinds: fc.option(
    fc.array(fc.constantFrom<[number, number]>([0, 0], [1, 1], [0, 3], [7, 2000], [30_000, 39_999], [40_000, 40_000]), {
      maxLength: 2,
    }),
    { freq: 2 },
  ),
  since: fc.option(time, { freq: 1 }),
  until: fc.option(time, { freq: 1 }),
  limit: fc.option(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 700 })), { freq: 1 }),
  tags: fc.uniqueArray(
    fc.oneof(
      fc.record({
        name: fc.constantFrom("t", "T", "R"),
        values: fc.array(fc.constantFrom(...TOPICS, "pow", "nothing"), { maxLength: 3 }),
      }),
      fc.record({
        name: fc.constantFrom("e", "p"),
        values: fc.array(fc.constantFrom(...TARGETS, hexOf("nothing")), { maxLength: 3 }),
      }),
    ),
    { maxLength: 2, selector: ({ name }) => name },
  ),
  search: fc.option(
    fc.record({ text: fc.constantFrom(...TEXTS, "WORLD", "⚡x", "nowhere"), ignoreCase: fc.boolean() }),
    { freq: 1 },
  ),
});

/** What a relay that looks at every event would answer. */
export function naiveSearch(events: NostrEvent[], filters: Filter[], order: "newest" | "oldest"): NostrEvent[] {
  const sign = order === "newest" ? -1 : 1;
  const sorted = events.toSorted(
    (a, b) => sign * (a.created_at - b.created_at) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
  const chosen = new Set<NostrEvent>();
  for (const filter of filters)
    for (const event of sorted.filter((one) => naiveMatch(one, filter)).slice(0, filter.limit ?? undefined))
      chosen.add(event);
  return sorted.filter((event) => chosen.has(event));
}

function naiveMatch(event: NostrEvent, { ids, authors, kinds, since, until, tags, search }: Filter): boolean {
  if (ids !== null && !ids.includes(event.id)) return false;
  if (authors !== null && !authors.includes(event.pubkey)) return false;
  if (kinds !== null && !isInRanges(event.kind, kinds)) return false;
  if (since !== null && event.created_at < since) return false;
  if (until !== null && event.created_at > until) return false;
  for (const { name, values } of tags)
    if (!event.tags.some((tag) => tag[0] === name && values.some((value) => tag[1] === value))) return false;
  if (search === null) return true;
  const { text, ignoreCase } = search;
  return ignoreCase ? event.content.toLowerCase().includes(text.toLowerCase()) : event.content.includes(text);
}
