import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { z } from "zod";
import {
  createContainer,
  readFooter,
  readFrames,
  type Section,
  sectionSchema,
  verifySection,
} from "../../cli/store/container.ts";
import { temporaryFolder } from "../run/cli.ts";

const footerSchema = z.object({ a: sectionSchema, b: sectionSchema });

function write(path: string): z.infer<typeof footerSchema> {
  const container = createContainer(path);
  for (let i = 0; i < 5000; i++) container.append(Buffer.from(`record ${i} `), Buffer.alloc(i % 300, i));
  const a = container.endSection();
  container.append(Buffer.alloc(3_000_000, "big"));
  container.append(Buffer.from("after"));
  const b = container.endSection();
  expect(existsSync(path)).toBe(false);
  container.commit({ a, b });
  return { a, b };
}

const read = (path: string, section: Section) => Buffer.concat([...readFrames(path, section)]);

test("sections come back, and a frame holds whole records", () => {
  using folder = temporaryFolder();
  const path = folder.join("c");
  const sections = write(path);
  expect(readFooter(path, footerSchema)).toEqual(sections);
  const frames = [...readFrames(path, sections.a)];
  expect(frames.length).toBeGreaterThan(1);
  for (const frame of frames) expect(frame.toString("latin1", 0, 7)).toBe("record ");
  expect(read(path, sections.b).equals(Buffer.concat([Buffer.alloc(3_000_000, "big"), Buffer.from("after")]))).toBe(
    true,
  );
  expect(verifySection(path, sections.a) && verifySection(path, sections.b)).toBe(true);
});

test("an aborted container leaves nothing", () => {
  using folder = temporaryFolder();
  const container = createContainer(folder.join("c"));
  container.append(Buffer.from("x"));
  container.abort();
  expect(readdirSync(folder.path)).toEqual([]);
});

test("any byte that is lost or changed is noticed", () => {
  using folder = temporaryFolder();
  const path = folder.join("c");
  const sections = write(path);
  const whole = readFileSync(path);
  const isWhole = () => {
    const footer = readFooter(path, footerSchema);
    return footer !== null && verifySection(path, footer.a) && verifySection(path, footer.b);
  };
  expect(isWhole()).toBe(true);
  for (let at = 0; at < whole.length; at += Math.ceil(whole.length / 97)) {
    const changed = Buffer.from(whole);
    changed[at] ^= 0x10;
    writeFileSync(path, changed);
    expect([at, isWhole()]).toEqual([at, false]);
    if (at < sections.a.length) expect(() => read(path, sections.a)).toThrow("damaged");
  }
  for (const length of [0, 5, 15, whole.length - 1, whole.length - 16, sections.a.length]) {
    writeFileSync(path, whole);
    truncateSync(path, length);
    expect([length, isWhole()]).toEqual([length, false]);
  }
});
