import { Database } from "bun:sqlite";
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, copyFileSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openFiles } from "../../cli/archive/files.ts";
import { createS3Clients } from "../../cli/net/s3.ts";
import { checkDay } from "../../cli/verify/check-day.ts";
import { createJudge } from "../../cli/verify/judge.ts";
import { createRandom } from "../../scripts/generator/random.ts";
import { signedEvent } from "../events.ts";
import { readDayFile } from "../run/archive.ts";
import { convertOk, makeDump, readManifest, runCli, temporaryFolder } from "../run/cli.ts";
import {
  changeEvents,
  changeIndex,
  copyOf,
  cutShort,
  dayFiles,
  flipBit,
  linesOf,
  makeArchive,
  verifyHere,
} from "./damage.ts";

const FLIPS = 100;

// Each check starts threads: much for a machine that does other things too.
setDefaultTimeout(60_000);

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

await makeArchive(folder.path, "well");
const well = folder.join("well");
const [first, second, third] = dayFiles(well);
const secondMember = memberOf(well, first, 1);

function memberOf(archive: string, path: string, number: number): { offset: number; length: number; events: number } {
  const db = new Database(join(archive, "index.db"), { readonly: true });
  try {
    const member = db
      .query<{ offset: number; length: number; events: number }, [string, number]>(
        `SELECT offset, length, events FROM member JOIN file ON file.id = member.file
         WHERE path = ? ORDER BY member.id LIMIT 1 OFFSET ?`,
      )
      .get(path, number);
    if (member === null) throw new Error(`${path} has no member ${number}`);
    return member;
  } finally {
    db.close();
  }
}

let copies = 0;
/** Damages a copy of the archive. @returns what is told of it */
async function told(damage: (archive: string) => void, signatures = false): Promise<string[]> {
  const archive = copyOf(well, folder.join(`copy-${copies++}`));
  damage(archive);
  const lines = linesOf(await verifyHere(archive, signatures));
  rmSync(archive, { recursive: true });
  return lines;
}

function expectLine(lines: string[], ...parts: string[]): void {
  const isFound = lines.some((line) => parts.every((part) => line.includes(part)));
  expect({ parts, lines: isFound ? [] : lines }).toEqual({ parts, lines: [] });
}

describe("an archive that is well", () => {
  test("nothing is told but a summary", async () => {
    const { stdout, stderr, exitCode } = await runCli(["verify", well, "--no-progress"]);
    expect(stderr).toBe("");
    expect(stdout).toContain(`all is well in ${well}`);
    expect(stdout.split("\n").length).toBe(4);
    expect(exitCode).toBe(0);
  });

  test("an archive of several conversions, and an empty one", async () => {
    const archive = folder.join("two-runs");
    const empty = folder.join("empty");
    writeFileSync(folder.join("nothing.jsonl"), "no event\n");
    for (const name of ["one", "two"]) {
      const { path } = await makeDump(folder.path, `${name}.jsonl`, { lines: 500, days: 4 });
      await convertOk([path, "-o", archive]);
    }
    await convertOk([folder.join("nothing.jsonl"), "-o", empty]);
    for (const place of [archive, empty]) expect(linesOf(await verifyHere(place, true))).toEqual([]);
  });
});

describe("daily files", () => {
  test("a damaged member is named with what is lost, and the others are read", async () => {
    const archive = copyOf(well, folder.join("flipped"));
    flipBit(join(archive, first), secondMember.offset + 5000);
    const verification = await verifyHere(archive);
    const lines = linesOf(verification);
    expectLine(lines, `${first}: the gzip member at byte ${secondMember.offset} `, "(member 1)", "lost: ");
    expectLine(lines, `${first}: its SHA-256 is`);
    expect(lines.every((line) => line.startsWith(`${first}: `))).toBe(true);
    expect(verification.events).toBeGreaterThanOrEqual(readManifest(well).events - secondMember.events);
    const { stdout, exitCode } = await runCli(["verify", archive, "--no-progress", "--no-signatures"]);
    expect(exitCode).toBe(1);
    for (const line of lines) expect(stdout).toContain(line);
  });

  test("a gzip header, with and without a checksum", async () => {
    const lines = await told((archive) => {
      flipBit(join(archive, first), 1);
      // The time in the header.
      flipBit(join(archive, second), 4);
    });
    expectLine(lines, `${first}: the gzip member at byte 0 `, "lost: ");
    expect(lines.filter((line) => line.startsWith(second))).toEqual([expect.stringContaining("its SHA-256 is")]);
  });

  test("cut short: in a member, between two, and to nothing", async () => {
    const size = statSync(join(well, second)).size - 100;
    const lines = await told((archive) => {
      cutShort(join(archive, first), secondMember.offset);
      cutShort(join(archive, second), size);
      cutShort(join(archive, third), 0);
    });
    expectLine(lines, `${first}: the gzip member at byte ${secondMember.offset} `, "the file ends before it", "lost: ");
    expectLine(lines, `${second}: the gzip member at byte `, "cut short", "lost: ");
    expectLine(lines, `${second}: has ${size.toLocaleString("en-US")} bytes, by the manifest`);
    expectLine(lines, `${third}: is empty`);
  });

  test("missing, added, misnamed", async () => {
    const lines = await told((archive) => {
      copyFileSync(join(archive, second), join(archive, "2031_01_01.pb.gz"));
      renameSync(join(archive, first), join(archive, "2031_13_01.pb.gz"));
    });
    expectLine(lines, `${first}: is missing; by the index `);
    expectLine(lines, "2031_13_01.pb.gz: its name is no date");
    expectLine(lines, "2031_01_01.pb.gz: is not in the manifest");
    expectLine(lines, "2031_01_01.pb.gz: event ", "is of another day");
    expectLine(lines, "index.db: has no members of 2031_01_01.pb.gz");
    expect(lines.filter((line) => line.startsWith(second))).toEqual([]);
  });

  test("exchanged", async () => {
    const lines = await told((archive) => {
      renameSync(join(archive, first), join(archive, "kept"));
      renameSync(join(archive, second), join(archive, first));
      renameSync(join(archive, "kept"), join(archive, second));
    });
    for (const name of [first, second]) {
      expectLine(lines, `${name}: `, "by the manifest");
      expectLine(lines, `${name}: event `, "is of another day");
    }
  });

  test("something behind the last member, and what is no row of events", async () => {
    const bytes = readFileSync(join(well, first));
    const member = bytes.subarray(secondMember.offset, secondMember.offset + secondMember.length);
    const size = statSync(join(well, second)).size;
    const lines = await told((archive) => {
      writeFileSync(join(archive, first), Buffer.concat([bytes, member]));
      appendFileSync(join(archive, second), "x");
      writeFileSync(join(archive, third), Bun.gzipSync(Buffer.from("something else")));
    });
    expectLine(lines, "index.db: does not know the member at byte", first);
    expectLine(lines, `${first}: event `, "is not in its place");
    expectLine(lines, `${second}: the gzip member at byte ${size} is damaged`);
    expectLine(lines, `${third}: the gzip member at byte 0 `, "lost: ");
  });

  test("one problem of a file does not fill the screen", async () => {
    const archive = copyOf(well, folder.join("many"));
    changeEvents(join(archive, first), (events) => events.toReversed());
    const { problems, more } = await verifyHere(archive);
    expect(problems.filter(({ file }) => file === first)).toHaveLength(20);
    expect(more[first]).toBeGreaterThan(100);
    const { stdout } = await runCli(["verify", archive, "--no-progress", "--no-signatures"]);
    expect(stdout).toContain(`${first}: and ${more[first].toLocaleString("en-US")} more`);
  });
});

describe("events", () => {
  test("order, duplicates and days", async () => {
    const [atFirst] = readDayFile(join(well, first));
    const [event] = readDayFile(join(well, second));
    const lines = await told((archive) => {
      changeEvents(join(archive, first), ([a, b, ...rest]) => [b, a, ...rest]);
      changeEvents(join(archive, second), (events) => [event, ...events]);
      changeEvents(join(archive, third), (events) => [...events, event]);
    });
    expectLine(lines, `${first}: event ${atFirst.id} `, "not in its place");
    expectLine(lines, `${second}: event ${event.id} `, "is there twice");
    expectLine(lines, `${third}: event ${event.id} `, "is of another day");
  });

  test("a wrong id, a wrong signature, a form that is no event's", async () => {
    const events = [first, second, third].map((path) => readDayFile(join(well, path))[0]);
    const lines = await told((archive) => {
      const change = (path: string, changed: Partial<(typeof events)[number]>) =>
        changeEvents(join(archive, path), ([a, ...rest]) => [{ ...a, ...changed }, ...rest]);
      change(first, { content: `${events[0].content}!` });
      change(second, { sig: signedEvent().sig });
      change(third, { sig: "ab" });
    }, true);
    expectLine(lines, `${first}: event ${events[0].id} (member 0, byte 0) is damaged: id is not the SHA-256`);
    expectLine(lines, `${second}: event ${events[1].id} (member 0, byte 0) is damaged: sig does not verify`);
    expectLine(lines, `${third}: event `, "sig is missing or not 128");
  });

  test("what conversions did not check is only noted", async () => {
    const dump = folder.join("unchecked.jsonl");
    const event = signedEvent();
    const wrongSignature = { ...signedEvent({ content: "another" }), sig: event.sig };
    const wrongId = { ...signedEvent({ content: "a third" }), content: "changed" };
    writeFileSync(dump, [event, wrongSignature, wrongId].map((line) => `${JSON.stringify(line)}\n`).join(""));
    const archive = folder.join("unchecked");
    await convertOk([dump, "-o", archive, "--no-validate-event-ids"]);
    const { stdout, exitCode } = await runCli(["verify", archive, "--no-progress"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`signatures that do not verify, which not all conversions checked: ${wrongSignature.id}`);
    expect(stdout).toContain(`ids that are not the SHA-256 of their event, as was allowed: ${wrongId.id}`);
    const report = JSON.parse((await runCli(["verify", archive, "--no-progress", "--no-signatures", "--json"])).stdout);
    expect(report).toMatchObject({ well: true, problems: [], events: 3, days: 1, signatures: null });
    expect(report.notes).toHaveLength(1);
  });

  test(`a flipped bit at any place of any file is found (${FLIPS} tries)`, async () => {
    const random = createRandom("flips");
    const files = openFiles({ kind: "local", folder: well }, createS3Clients());
    const flipped = folder.join("flipped-bits");
    const flippedFiles = openFiles({ kind: "local", folder: flipped }, createS3Clients());
    copyOf(well, flipped);
    const judge = await createJudge({ ids: true, signatures: "unchecked" });
    const manifest = readManifest(well);
    const check = (path: string, from: typeof files) => {
      const recorded = manifest.files.find((file) => file.path === path) ?? null;
      const size = statSync(join(well, path)).size;
      return checkDay(
        { path, size, recorded, indexPath: join(well, "index.db"), indexTags: ["e", "p", "t"] },
        from,
        judge,
      );
    };
    const paths = dayFiles(well);
    for (const path of paths) expect((await check(path, files)).problems).toEqual([]);
    for (let i = 0; i < FLIPS; i++) {
      const path = paths[random.int(0, paths.length - 1)];
      const byte = random.int(0, statSync(join(well, path)).size - 1);
      const bit = random.int(0, 7);
      flipBit(join(flipped, path), byte, bit);
      const { problems } = await check(path, flippedFiles);
      expect({ path, byte, bit, found: problems.some(({ file }) => file === path) }).toMatchObject({ found: true });
      flipBit(join(flipped, path), byte, bit);
    }
  });
});

describe("index.db", () => {
  const events = readDayFile(join(well, first));
  const tell = (...statements: string[]) => told((archive) => changeIndex(archive, ...statements));
  const row = (n: number) => `(SELECT rowid FROM event ORDER BY rowid LIMIT 1 OFFSET ${n})`;

  test("rows that are missing, wrong or too many", async () => {
    const lines = await tell(
      `UPDATE event SET kind = kind + 1 WHERE rowid = ${row(10)}`,
      `UPDATE event SET pubkey = (SELECT max(id) FROM pubkey) WHERE rowid = ${row(20)}`,
      `UPDATE event SET id = zeroblob(32) WHERE rowid = ${row(30)}`,
      `UPDATE event SET created_at = created_at + 86400 WHERE rowid = ${row(40)}`,
      `UPDATE event SET created_at = 4000000000 WHERE rowid = ${row(50)}`,
      `UPDATE event SET position = position + 1 WHERE rowid = ${row(60)}`,
      `INSERT INTO event(id, pubkey, created_at, kind, member, position)
       SELECT zeroblob(32), pubkey, created_at, kind, member, position FROM event WHERE rowid = ${row(70)}`,
      "INSERT INTO pubkey(pubkey) VALUES (zeroblob(32))",
      `DELETE FROM event WHERE rowid = ${row(80)}`,
    );
    expectLine(lines, `its row of event ${events[10].id}`, "kind ");
    expectLine(lines, `its row of event ${events[20].id}`, "pubkey ");
    expectLine(lines, `its row of event ${events[30].id}`, `id ${"0".repeat(64)}`);
    expectLine(lines, `its row of event ${events[40].id}`, "points into another file");
    expectLine(lines, `its row of event ${events[50].id} says created_at 4000000000, a day of which there is no file`);
    expectLine(lines, `its row of event ${events[60].id} points to byte`);
    expectLine(lines, `its row of event ${"0".repeat(64)} points to byte`);
    expectLine(lines, "index.db: has 1 pubkeys of no event");
    expectLine(lines, `index.db: has no row of event ${events[80].id} (${first}, `);
    expect(lines.filter((line) => !line.startsWith("index.db: "))).toEqual([]);
  });

  test("members and files", async () => {
    const number = "(SELECT min(member.id) FROM member JOIN file ON file.id = member.file WHERE path = ";
    const lines = await tell(
      `UPDATE member SET offset = offset + 1 WHERE id = ${number}'${first}') + 1`,
      `UPDATE member SET events = events + 1 WHERE id = ${number}'${second}')`,
      `UPDATE member SET length = length + 1 WHERE id = ${number}'${third}')`,
      `UPDATE member SET offset = offset + 1 WHERE id = ${number}'${third}') + 1`,
      "INSERT INTO file(path) VALUES ('2031_01_01.pb.gz')",
    );
    expectLine(lines, `index.db: its members of ${first} do not follow each other`);
    expectLine(lines, `index.db: the member at byte 0 of ${second} has events `);
    expectLine(lines, `index.db: its members of ${third} are not those of the file`);
    expectLine(lines, "index.db: knows 2031_01_01.pb.gz, which is not there");
    expect(lines.filter((line) => !line.startsWith("index.db: "))).toEqual([]);
  });

  test("rows of tags", async () => {
    expectLine(await tell("DELETE FROM tag WHERE hash = (SELECT min(hash) FROM tag)"), "index.db: has no row of a tag");
    const lines = await tell("INSERT INTO tag VALUES (1, 2, 3)", "INSERT INTO indexed_tag VALUES ('z')");
    expectLine(lines, "index.db: has 1 rows of tags that no event has", "created_at 2");
    expectLine(lines, "index.db: looks up the tags e,p,t,z, by the manifest e,p,t");
  });

  test("an index that is no database any more", async () => {
    expectLine(await told((archive) => rmSync(join(archive, "index.db"))), "index.db: is missing");
    expectLine(await told((archive) => cutShort(join(archive, "index.db"), 20_000)), "index.db: ");
    expectLine(
      await told((archive) => writeFileSync(join(archive, "index.db"), "no database")),
      "index.db: cannot be used",
    );
    expectLine(
      await told((archive) => changeIndex(archive, "DROP INDEX event_kind")),
      "its SQLite index event_kind is missing",
    );
    // The page of some table, overwritten.
    const lines = await told((archive) => {
      const bytes = readFileSync(join(archive, "index.db"));
      bytes.fill(0xaa, bytes.length >> 1, (bytes.length >> 1) + 8192);
      writeFileSync(join(archive, "index.db"), bytes);
    });
    expectLine(lines, "index.db: ");
    expect(lines.every((line) => line.startsWith("index.db: "))).toBe(true);
  });

  test("without an index the files are checked all the same", async () => {
    const lines = await told((archive) => {
      rmSync(join(archive, "index.db"));
      flipBit(join(archive, first), secondMember.offset + 5000);
    });
    expectLine(lines, `${first}: the gzip member at byte ${secondMember.offset} `, "was not read");
  });
});

describe("manifest.json and rejected.jsonl.gz", () => {
  const changeManifest = (archive: string, change: (manifest: ReturnType<typeof readManifest>) => void) => {
    const manifest = readManifest(archive);
    change(manifest);
    writeFileSync(join(archive, "manifest.json"), JSON.stringify(manifest));
  };

  test("a manifest that is missing, no manifest, or wrong", async () => {
    expectLine(await told((archive) => rmSync(join(archive, "manifest.json"))), "manifest.json: is missing");
    expectLine(await told((archive) => cutShort(join(archive, "manifest.json"), 100)), "manifest.json: cannot be used");
    const wrong = await told((archive) =>
      changeManifest(archive, (manifest) => {
        manifest.events++;
        manifest.days++;
        manifest.runs[0].counts.lines++;
        for (const file of manifest.files) file.sha256 = "0".repeat(64);
      }),
    );
    for (const part of ["events, but the files hold", "days, but there are files of", "do not add up"])
      expectLine(wrong, "manifest.json: ", part);
    for (const name of [first, "index.db", "rejected.jsonl.gz"]) expectLine(wrong, `${name}: its SHA-256 is`);
  });

  test("rejected lines", async () => {
    const path = (archive: string) => join(archive, "rejected.jsonl.gz");
    expectLine(
      await told((archive) => flipBit(path(archive), 300)),
      "rejected.jsonl.gz: the gzip member at byte 0 is damaged",
    );
    expectLine(await told((archive) => rmSync(path(archive))), "rejected.jsonl.gz: is missing");
    const gzip = (text: string) => Bun.gzipSync(Buffer.from(text));
    expectLine(await told((archive) => writeFileSync(path(archive), gzip("{}\n"))), "line 1 is no record");
    expectLine(await told((archive) => writeFileSync(path(archive), gzip(""))), "has 0 lines with the reason");
    const line = JSON.stringify({ source: "a", offset: 0, reason: "invalid-json", line: "{" });
    expectLine(await told((archive) => writeFileSync(path(archive), gzip(line))), "its last line is cut short");
  });
});

describe("the command", () => {
  test("no archive, and no directory", async () => {
    const nothing = await runCli(["verify", folder.join("nowhere")]);
    expect(nothing.exitCode).toBe(1);
    expect(nothing.stderr).toContain("cannot be read as a directory");
    const none = await runCli(["verify", folder.path]);
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain("holds no archive");
    expect((await runCli(["verify", well, "-j", "0"])).exitCode).toBe(2);
  });

  test("an unfinished conversion is noted", async () => {
    const archive = copyOf(well, folder.join("unfinished"));
    await Bun.write(join(archive, ".proton-beam/plan.json"), "{}");
    const { stdout, exitCode } = await runCli(["verify", archive, "--no-progress", "--no-signatures"]);
    expect(stdout).toContain("note: a conversion into this archive is unfinished");
    expect(exitCode).toBe(0);
  });
});
