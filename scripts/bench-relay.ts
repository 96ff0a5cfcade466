// Measures the relay: the time from a REQ to its EOSE, with one client and with many at once.
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { generateDump } from "./generator/generate.ts";
import { createRandom } from "./generator/random.ts";
import { connect, startRelayProcess } from "./services/relay.ts";

const MAIN = join(import.meta.dir, "../cli/main.ts");
const CLIENTS = [1, 32];
const SAMPLES = 1000;
const SEARCHERS = 8;

const args = await yargs(hideBin(process.argv))
  .usage("$0\n\nPrints milliseconds from REQ to EOSE, and requests a second, on a generated archive.")
  .option("archive", { type: "string", describe: "An archive to serve (default: a generated one)" })
  .option("lines", { type: "number", default: 200_000, describe: "Lines of the generated dump" })
  .option("requests", { type: "number", default: 1000, describe: "Requests of each sort, of tag scans a tenth" })
  .strict()
  .parseAsync();

const { requests } = args;
const folder = mkdtempSync(join(tmpdir(), "proton-beam-bench-relay-"));
try {
  const archive = args.archive ?? (await makeArchive());
  const events = sampleEvents(archive);
  const random = createRandom("bench-relay");
  const sorts: { name: string; requests: number; filter: () => object }[] = [
    { name: "round trip alone (limit 0)", requests, filter: () => ({ limit: 0 }) },
    { name: "one id", requests, filter: () => ({ ids: [random.pick(events).id] }) },
    {
      name: "author and kind, limit 20",
      requests,
      filter: () => {
        const { pubkey, kind } = random.pick(events);
        return { authors: [pubkey], kinds: [kind], limit: 20 };
      },
    },
    { name: "the newest 100", requests, filter: () => ({ limit: 100 }) },
    { name: "tag without index", requests: requests / 10, filter: () => ({ "#e": [random.pick(events).id] }) },
  ];
  const relay = await startRelayProcess([
    archive,
    ...["--max-messages-per-second", "1000000", "--max-connections-per-address", "100"],
    ...["--query-timeout", "600", "--max-scanned", "100000000"],
  ]);
  console.log(`${"".padEnd(28)}clients   median ms   99% ms   requests/s`);
  for (const sort of sorts)
    for (const clients of CLIENTS) {
      const { median, high, perSecond } = await measure(relay.url, clients, sort.requests, sort.filter);
      const figures = [String(clients).padStart(7), median.toFixed(1).padStart(12), high.toFixed(1).padStart(9)];
      console.log(`${sort.name.padEnd(28)}${figures.join("")}${perSecond.toFixed(0).padStart(13)}`);
    }
  const searchers = await Promise.all(Array.from({ length: SEARCHERS }, () => connect(relay.url)));
  for (const client of searchers)
    for (let n = 0; n < 40; n++) client.send(["REQ", `search ${n}`, { search: `no such text ${n}` }]);
  const { median, high } = await measure(relay.url, 1, requests / 10, sorts[1].filter);
  console.log(
    `\none id while ${SEARCHERS} clients let all events be searched: median ${median.toFixed(1)} ms, 99% ${high.toFixed(1)} ms`,
  );
  for (const client of searchers) client.close();
  await relay.stop();
} finally {
  rmSync(folder, { recursive: true });
}

async function makeArchive(): Promise<string> {
  const dump = join(folder, "dump.jsonl");
  const archive = join(folder, "archive");
  const { lines } = args;
  await generateDump(dump, { seed: "bench", lines, days: 30, duplicates: 0, invalid: 0 }, availableParallelism());
  const command = [process.execPath, "run", MAIN, "convert", dump, "-o", archive, "--no-progress"];
  const convert = Bun.spawn(command, { stdout: "ignore", stderr: "inherit" });
  if ((await convert.exited) !== 0) throw new Error("the conversion failed");
  return archive;
}

/** Each client asks again as soon as it has its answer. */
async function measure(url: string, clients: number, total: number, filter: () => object) {
  const times: number[] = [];
  let left = total;
  const start = performance.now();
  const ask = async () => {
    const client = await connect(url);
    while (left-- > 0) {
      const asked = performance.now();
      client.send(["REQ", "bench", filter()]);
      const last = (await client.upTo("EOSE", "CLOSED")).at(-1);
      if (last?.[0] !== "EOSE") throw new Error(`the relay refused: ${last}`);
      times.push(performance.now() - asked);
    }
    client.close();
  };
  await Promise.all(Array.from({ length: clients }, ask));
  times.sort((a, b) => a - b);
  return {
    median: times[Math.floor(times.length / 2)],
    high: times[Math.floor(times.length * 0.99)],
    perSecond: (times.length / (performance.now() - start)) * 1000,
  };
}

/** Some events of all days. */
function sampleEvents(archive: string): { id: string; pubkey: string; kind: number }[] {
  const db = new Database(join(archive, "index.db"), { readonly: true });
  try {
    return db
      .query<{ id: string; pubkey: string; kind: number }, [number]>(
        `SELECT lower(hex(event.id)) AS id, lower(hex(pubkey.pubkey)) AS pubkey, kind
         FROM event JOIN pubkey ON pubkey.id = event.pubkey
         WHERE event.rowid % (SELECT max(rowid) / ? + 1 FROM event) = 0`,
      )
      .all(SAMPLES);
  } finally {
    db.close();
  }
}
