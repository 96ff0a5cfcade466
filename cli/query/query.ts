import { z } from "zod";
import { parseArgs } from "../args.ts";
import { EXIT, type ExitCode } from "../errors.ts";
import { createProgress, emptyPhase } from "../report/progress.ts";
import { createOutput } from "../stdout.ts";
import { archiveArgsSchema, filterArgsSchema, filtersOfArgs, openArchiveOfArgs } from "./args.ts";
import type { Filter } from "./filter.ts";
import { type EventReader, type Findings, openReader } from "./reader.ts";

const CACHE_BYTES = 64 * 1024 ** 2;
/** A search that took longer is worth a hint. */
const LONG_MS = 3000;

const argsSchema = archiveArgsSchema.extend({
  ...filterArgsSchema.shape,
  count: z.boolean(),
  oldestFirst: z.boolean(),
  parallel: z.number().int().min(1).max(1024),
});

type QueryArgs = z.infer<typeof argsSchema>;

const FOR_EVER = new AbortController().signal;

/**
 * Runs `proton-beam query` with its arguments.
 * @throws {ProtonBeamError} when the arguments are wrong, or the archive is
 */
export async function runQuery(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  const filters = filtersOfArgs(args);
  const archive = await openArchiveOfArgs(args);
  const reader = openReader(archive, { threads: args.parallel, cacheBytes: CACHE_BYTES });
  try {
    const started = performance.now();
    await answer(reader, filters, args);
    if (performance.now() - started > LONG_MS) hint(reader, filters, archive.place);
    return EXIT.done;
  } finally {
    reader.close();
  }
}

async function answer(reader: EventReader, filters: Filter[], { count, oldestFirst }: QueryArgs): Promise<void> {
  const output = createOutput();
  if (count && reader.isDecidedByIndex(filters)) {
    await output.write(`${await reader.count(filters, FOR_EVER)}\n`);
    return;
  }
  const show = showProgress(reader, filters, count);
  try {
    let total = 0;
    const order = oldestFirst ? "oldest-first" : "newest-first";
    for await (const part of reader.findings(filters, order, { signal: FOR_EVER, maxScanned: null })) {
      total += part.events;
      show.add(part);
      if (!count && !(await output.write(part.lines))) break;
    }
    if (count) await output.write(`${total}\n`);
  } finally {
    show.end();
  }
}

/** Shows how far a search is, where it does not get mixed up with what it finds. */
function showProgress(reader: EventReader, filters: Filter[], isAlone: boolean) {
  if (!process.stderr.isTTY || (process.stdout.isTTY && !isAlone)) return { add: () => {}, end: () => {} };
  const progress = createProgress(process.stderr);
  const state = emptyPhase("bytes", reader.bytesToScan(filters));
  const update = progress.phase("search", state);
  return {
    add: ({ scanned, bytes }: Findings) => {
      state.events += scanned;
      state.done += bytes;
      update(state);
    },
    end: () => progress.end(),
  };
}

function hint({ indexedTags }: EventReader, filters: Filter[], place: string): void {
  const missing = filters.flatMap(({ tags }) => tags.map(({ name }) => name)).filter((name) => !indexedTags.has(name));
  if (missing.length === 0) return;
  const names = [...new Set([...indexedTags, ...missing])].join(",");
  process.stderr.write(
    `proton-beam: the index knows nothing of these tags, so the events themselves were searched. ` +
      `This makes such queries fast: proton-beam index rebuild ${place} --index-tags ${names}\n`,
  );
}
