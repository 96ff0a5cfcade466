import { createInterface } from "node:readline";
import { z } from "zod";
import { parseArgs } from "../args.ts";
import { EXIT, type ExitCode, errorMessage, ProtonBeamError } from "../errors.ts";
import { STDIN_DEVICE } from "../source/stdin.ts";
import { createOutput } from "../stdout.ts";
import { archiveArgsSchema, openArchiveOfArgs } from "./args.ts";
import { parseEventId } from "./nip19.ts";
import { type EventReader, openReader } from "./reader.ts";

const CACHE_BYTES = 256 * 1024 ** 2;
/** Events that are fetched at once: S3 answers slowly, but many. */
const AT_ONCE = 16;

const argsSchema = archiveArgsSchema.extend({ id: z.array(z.string()).min(1) });

/**
 * Runs `proton-beam get` with its arguments.
 * @throws {ProtonBeamError} when the arguments are wrong, or the archive is
 */
export async function runGet(parsedArgs: unknown): Promise<ExitCode> {
  const args = parseArgs(argsSchema, parsedArgs);
  const { id: words } = args;
  for (const word of words) if (word !== STDIN_DEVICE) assertEventId(word);
  const reader = openReader(await openArchiveOfArgs(args), { threads: 0, cacheBytes: CACHE_BYTES });
  try {
    return await printEvents(reader, idsOf(words));
  } finally {
    reader.close();
  }
}

async function printEvents(reader: EventReader, ids: AsyncIterable<string>): Promise<ExitCode> {
  const output = createOutput();
  const find = async (text: string) => {
    try {
      return (await reader.get(parseEventId(text))) ?? `${text} is not in the archive`;
    } catch (error) {
      return errorMessage(error);
    }
  };
  let exitCode: ExitCode = EXIT.done;
  for await (const found of inOrder(ids, find)) {
    if (typeof found === "string") {
      process.stderr.write(`proton-beam: ${found}\n`);
      exitCode = EXIT.failed;
    } else if (!(await output.write(`${JSON.stringify(found)}\n`))) break;
  }
  return exitCode;
}

function assertEventId(text: string): void {
  try {
    parseEventId(text);
  } catch (error) {
    throw new ProtonBeamError(errorMessage(error), EXIT.usage);
  }
}

/** The words themselves, and in the place of standard input the words in it. */
async function* idsOf(words: string[]): AsyncGenerator<string> {
  for (const word of words) {
    if (word !== STDIN_DEVICE) yield word;
    else
      for await (const line of createInterface({ input: process.stdin }))
        yield* line.split(/\s+/).filter((text) => text !== "");
  }
}

/**
 * Does up to {@link AT_ONCE} pieces of work at once and gives their results in order, each as soon as it is there: who
 * writes the items may wait for it. `work` must not throw.
 */
async function* inOrder<T, R>(items: AsyncIterable<T>, work: (item: T) => Promise<R>): AsyncGenerator<R> {
  const source = items[Symbol.asyncIterator]();
  const results: Promise<{ result: R }>[] = [];
  const take = () => source.next().then((item) => ({ item }));
  let next: ReturnType<typeof take> | null = take();
  while (next !== null || results.length > 0) {
    const awaited = [...results.slice(0, 1), ...(next !== null && results.length < AT_ONCE ? [next] : [])];
    const first = await Promise.race(awaited);
    if ("result" in first) {
      results.shift();
      yield first.result;
    } else if (first.item.done) next = null;
    else {
      results.push(work(first.item.value).then((result) => ({ result })));
      next = take();
    }
  }
}
