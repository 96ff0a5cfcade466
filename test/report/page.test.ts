import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { npubEncode } from "nostr-tools/nip19";
import { type Browser, chromium, type Page } from "playwright-core";
import { readPrices } from "../../cli/dataset/prices.ts";
import { REJECT_REASONS } from "../../cli/event/reject.ts";
import { formatCount } from "../../cli/report/format.ts";
import { readHistory } from "../../cli/report/history.ts";
import { type ReportData, renderReport } from "../../cli/report/page.ts";
import { readStatistics } from "../../cli/report/statistics.ts";
import { totalOf } from "../../cli/segment/counts.ts";
import { readArchive } from "../run/archive.ts";
import { convertOk, makeDump, readManifest, runCli, startCli, temporaryFolder } from "../run/cli.ts";

const CHUNKS = ["--chunk-bytes", "200000"];
const EVIL = `<img src=x onerror=alert(1)>"'&.jsonl`;

const folder = temporaryFolder();
const path = Bun.which("chromium");
if (path === null) throw new Error("chromium is not installed: Debian package chromium");
const browser: Browser = await chromium.launch({ executablePath: path, args: ["--no-sandbox"] });
afterAll(async () => {
  await browser.close();
  folder[Symbol.dispose]();
});

/** An archive of two inputs, the second one of an interrupted run. */
const dump = await makeDump(folder.path, EVIL, { lines: 5000, days: 300 });
const earlier = await makeDump(folder.path, "earlier.jsonl", { lines: 300, days: 20 });
const archive = folder.join("archive");
const segments = join(archive, ".proton-beam/segments");
await convertOk([earlier.path, "-o", archive, ...CHUNKS]);
const child = startCli(["convert", dump.path, "-o", archive, "-j", "1", ...CHUNKS]);
while (child.exitCode === null && !(existsSync(segments) && readdirSync(segments).length > 5)) await Bun.sleep(2);
child.kill("SIGTERM");
expect(await child.exited).toBe(75);
await convertOk([dump.path, "-o", archive, ...CHUNKS]);

const reportPath = join(archive, "report.html");
const data: ReportData = {
  place: archive,
  made: new Date(0),
  statistics: readStatistics(join(archive, "index.db")),
  manifest: readManifest(archive),
  history: readHistory(readFileSync(join(archive, "proton-beam.log"), "utf8")),
  prices: readPrices(null),
};

/** Opens a page offline and fails on anything that it asks for or complains about. */
async function open(file: string, width: number, scheme: "light" | "dark"): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, offline: true });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => complaints.push(dialog.message()));
  page.on("request", (request) => complaints.push(request.url()));
  await page.goto(`file://${file}`);
  expect(complaints).toEqual([`file://${file}`]);
  await page.screenshot({ path: folder.join(`${width}-${scheme}.png`), fullPage: true });
  return page;
}

function boxesOf(page: Page, selector: string): Promise<{ width: number; height: number }[]> {
  return page.evaluate(
    `[...document.querySelectorAll(${JSON.stringify(selector)})].map((element) => element.getBoundingClientRect().toJSON())`,
  );
}

/** The contrast of each piece of text that is seen with what is behind it (WCAG 2.2, "contrast ratio"). */
const CONTRASTS = `(() => {
  const channels = (color) => (/\\(([^)]*)\\)/.exec(color)?.[1] ?? "").split(",").map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === "" || element.getClientRects().length === 0 || element.closest("svg")) continue;
    const [a, b] = [channels(getComputedStyle(element).color), behind(element)].map(luminance);
    found.push((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return found;
})()`;

describe("the report that convert makes", () => {
  test.each(["light", "dark"] as const)(
    "loads without a request or a complaint, has its charts, and is readable: %s",
    async (scheme) => {
      const page = await open(reportPath, 1100, scheme);
      const charts = await boxesOf(page, "svg");
      expect(charts).toHaveLength(3);
      for (const { width, height } of charts) expect([width > 500, height > 100]).toEqual([true, true]);
      const bars = await boxesOf(page, "svg rect");
      expect(bars.filter(({ width, height }) => width > 0 && height > 1).length).toBeGreaterThan(300);
      expect(await boxesOf(page, "svg .mark")).toHaveLength(1);
      const contrasts = await page.evaluate<number[]>(CONTRASTS);
      expect(contrasts.length).toBeGreaterThan(150);
      expect(Math.min(...contrasts)).toBeGreaterThanOrEqual(4.5);
      await page.context().close();
    },
    40_000,
  );

  test("fits the width of a phone, and bars in tables are seen there", async () => {
    const page = await open(reportPath, 380, "dark");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(380);
    const clipped = await page.evaluate(
      `[...document.querySelectorAll(".x span")].filter((label) => label.getBoundingClientRect().right > 380).length`,
    );
    expect(clipped).toBe(0);
    const bar = await page.locator("td.bar div").first().boundingBox();
    expect(bar?.width).toBeGreaterThan(10);
    await page.context().close();
  }, 40_000);

  test("is black on white on paper, whatever the screen", async () => {
    const page = await open(reportPath, 1100, "dark");
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    const style = "getComputedStyle(document.body)";
    expect(await page.evaluate(`[${style}.color, ${style}.backgroundColor]`)).toEqual([
      "rgb(0, 0, 0)",
      "rgb(255, 255, 255)",
    ]);
    expect((await page.pdf()).length).toBeGreaterThan(10_000);
    await page.context().close();
  }, 40_000);

  test("says what is in the archive, by counts of the events themselves", async () => {
    const page = await open(reportPath, 1100, "light");
    const text = await page.evaluate<string>("document.body.innerText");
    const events = readArchive(archive);
    const { runs } = readManifest(archive);
    const authors = Map.groupBy(events, ({ pubkey }) => pubkey);
    const [[author, most]] = [...authors].sort(([, a], [, b]) => b.length - a.length);
    for (const figure of [
      formatCount(events.length),
      `by ${formatCount(authors.size)} authors`,
      formatCount(runs[0].counts.duplicates + runs[1].counts.duplicates),
      formatCount(runs.reduce((sum, { counts }) => sum + totalOf(counts.rejected), 0)),
      "interrupted once",
      "Machines",
      "earlier.jsonl",
      ...Object.keys(runs[0].counts.rejected),
      REJECT_REASONS["id-mismatch"],
    ])
      expect(text).toContain(figure);
    const rows = await page.locator("tr").allInnerTexts();
    expect(rows.find((row) => row.includes(npubEncode(author)))).toContain(formatCount(most.length));
    const notes = events.filter(({ kind }) => kind === 1).length;
    expect(rows.find((row) => row.includes("Short text note"))).toContain(formatCount(notes));
    await page.locator("summary", { hasText: "files" }).click();
    const files = await page.locator("tr", { hasText: ".pb.gz" }).allInnerTexts();
    expect(files).toHaveLength(readManifest(archive).days);
    await page.context().close();
  }, 40_000);

  test("shows names as text, whatever they are", async () => {
    const evil = `</title><script>alert(2)</script>${EVIL}`;
    const history = data.history.map((run) => ({
      ...run,
      sessions: run.sessions.map((session) => ({
        ...session,
        message: evil,
        machine: session.machine && { ...session.machine, host: evil },
      })),
    }));
    const file = folder.join("evil.html");
    writeFileSync(file, renderReport({ ...data, place: evil, history }));
    const page = await open(file, 1100, "light");
    expect(await page.locator("script, img").count()).toBe(0);
    const text = await page.evaluate<string>("document.body.innerText");
    expect(text.split(evil).length - 1).toBeGreaterThanOrEqual(3);
    expect(text).toContain(dump.path);
    expect(await page.title()).toContain(evil);
    await page.context().close();
  }, 40_000);

  test("is not in the manifest, and is left alone by a run that adds nothing", async () => {
    expect(readManifest(archive).files.map((file) => file.path)).not.toContain("report.html");
    const before = statSync(reportPath).mtimeMs;
    await convertOk([earlier.path, "-o", archive, ...CHUNKS]);
    expect(statSync(reportPath).mtimeMs).toBe(before);
  }, 40_000);
});

test("a report that cannot be written is a warning, and the run is complete", async () => {
  const out = folder.join("blocked");
  mkdirSync(join(out, "report.html"), { recursive: true });
  await convertOk([earlier.path, "-o", out]);
  expect(readFileSync(join(out, "proton-beam.log"), "utf8")).toMatch(
    /"level":"warn".*there is no report of this run: /,
  );
  expect(readManifest(out).events).toBeGreaterThan(0);
}, 40_000);

test("a run that is killed as soon as its archive is there has left a report", async () => {
  const out = folder.join("killed");
  const run = startCli(["convert", earlier.path, "-o", out]);
  while (run.exitCode === null && !existsSync(join(out, "manifest.json"))) await Bun.sleep(1);
  run.kill("SIGKILL");
  await run.exited;
  expect(readFileSync(join(out, "report.html"), "utf8")).toContain("<h2>Kinds</h2>");
  await convertOk([earlier.path, "-o", out]);
  expect(existsSync(join(out, "report.html"))).toBe(true);
}, 40_000);

describe("proton-beam report", () => {
  test("writes the same at any time, into the archive or a file", async () => {
    const made = readFileSync(reportPath, "utf8");
    const { exitCode, stdout } = await runCli(["report", archive]);
    expect([exitCode, stdout]).toEqual([0, `${reportPath}\n`]);
    const charts = (page: string) => page.match(/<rect class="main"[^>]*>/g);
    expect(charts(readFileSync(reportPath, "utf8"))).toEqual(charts(made));
    const out = folder.join("elsewhere.html");
    expect((await runCli(["report", archive, "-o", out])).exitCode).toBe(0);
    expect(readFileSync(out, "utf8")).toContain("<h2>Kinds</h2>");
  }, 40_000);

  test("of an archive without manifest and log has what the index says", async () => {
    const file = folder.join("bare.html");
    writeFileSync(file, renderReport({ ...data, manifest: null, history: [] }));
    const page = await open(file, 380, "light");
    expect(await page.locator("svg").count()).toBe(2);
    expect(await page.locator("h2").allInnerTexts()).toEqual(["Over time", "Kinds", "Authors", "Daily files"]);
    await page.context().close();
  }, 40_000);

  test("of thousands of days is a page that still loads", async () => {
    const days = Array.from({ length: 6000 }, (_, i) => ({
      path: `${new Date(i * 86_400_000).toISOString().slice(0, 10).replaceAll("-", "_")}.pb.gz`,
      events: 1000 + (i % 7),
      bytes: 700_000 + i,
      size: 1e6,
    }));
    const file = folder.join("long.html");
    writeFileSync(file, renderReport({ ...data, statistics: { ...data.statistics, days } }));
    const page = await open(file, 380, "light");
    expect(await page.locator("svg").first().locator("rect").count()).toBeLessThan(400);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(380);
    await page.context().close();
  }, 40_000);

  test("of an archive without events, and of none", async () => {
    const empty = folder.join("empty");
    const nothing = folder.join("nothing.jsonl");
    writeFileSync(nothing, "");
    await convertOk([nothing, "-o", empty]);
    expect(readFileSync(join(empty, "report.html"), "utf8")).toContain("No events");
    const { exitCode, stderr } = await runCli(["report", folder.join("none")]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("holds no archive")]);
    const unwritable = await runCli(["report", archive, "-o", folder.join("no/such/folder.html")]);
    expect([unwritable.exitCode, unwritable.stderr]).toEqual([1, expect.stringContaining("cannot be written to")]);
  }, 40_000);
});
