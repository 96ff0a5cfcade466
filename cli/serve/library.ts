import { openFiles } from "../archive/files.ts";
import type { ArchiveLocation } from "../archive/location.ts";
import { openArchive } from "../archive/open.ts";
import { errorMessage } from "../errors.ts";
import type { S3Clients } from "../net/s3.ts";
import { type EventReader, openReader } from "../query/reader.ts";
import type { Logger } from "../report/log.ts";
import { INDEX_FILE } from "../store/layout.ts";
import { type ArchiveFacts, readFacts } from "./facts.ts";

/** Lends readers of an archive. When the archive is replaced or added to, those who come later read the new state. */
export interface Library {
  /** Gives the reader of the present state, which stays open until `work` is done. */
  lend<T>(work: (reader: EventReader) => Promise<T>): Promise<T>;
  /** Something could not be read, perhaps because files were replaced: the next borrower has the archive looked at. */
  doubt(): void;
  facts(): ArchiveFacts;
  close(): void;
}

/** A state of the archive. */
interface Edition {
  version: string;
  reader: EventReader;
  facts: ArchiveFacts;
  borrowers: number;
}

/** How long a state is taken to be the present one without looking. */
const LOOK_MS = 2000;
/** How long borrowers wait for a look. A new index that must be fetched first may take minutes: until then the former state is lent. */
const PATIENCE_MS = 1000;

/**
 * @param cacheBytes uncompressed bytes of the archive that are kept in memory
 * @throws {ProtonBeamError} when there is no archive
 */
export async function openLibrary(
  location: ArchiveLocation,
  clients: S3Clients,
  cacheBytes: number,
  log: Logger,
): Promise<Library> {
  const files = openFiles(location, clients);
  const versionNow = async () => (await files.stat(INDEX_FILE))?.version ?? null;

  const open = async (): Promise<Edition> => {
    // Taken before: if the index is replaced in between, the next look finds another one and opens that.
    const version = (await versionNow()) ?? "";
    const archive = await openArchive(location, clients);
    const facts = readFacts(archive.indexPath);
    return { version, reader: openReader(archive, { threads: 0, cacheBytes }), facts, borrowers: 0 };
  };
  const giveBack = (edition: Edition) => {
    edition.borrowers--;
    if (edition.borrowers === 0 && edition !== current) edition.reader.close();
  };

  let current = await open();
  let lookedAt = performance.now();
  let looking: Promise<void> | null = null;

  const look = async () => {
    try {
      const version = await versionNow();
      if (version !== null && version !== current.version) {
        const former = current;
        current = await open();
        if (former.borrowers === 0) former.reader.close();
        log.info(current.facts, "the archive is another: its index was opened anew");
      }
    } catch (error) {
      log.warn({ err: error }, `the archive cannot be looked at; its former state is served: ${errorMessage(error)}`);
    }
    lookedAt = performance.now();
    looking = null;
  };

  return {
    lend: async (work) => {
      if (performance.now() - lookedAt > LOOK_MS) {
        looking ??= Promise.race([look(), Bun.sleep(PATIENCE_MS)]);
        await looking;
      }
      const edition = current;
      edition.borrowers++;
      try {
        return await work(edition.reader);
      } finally {
        giveBack(edition);
      }
    },
    doubt: () => {
      lookedAt = Number.NEGATIVE_INFINITY;
    },
    facts: () => current.facts,
    close: () => current.reader.close(),
  };
}
