import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { availableParallelism, freemem, release } from "node:os";
import pkg from "../../package.json" with { type: "json" };
import { formatBytes } from "../report/format.ts";
import type { CgroupLimits } from "./cgroup.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

/** What a worker thread takes at its peak, bytes: 0.7 GB were measured with two. */
const WORKER_BYTES = 350e6;

/** Files that a worker opens while it merges a day, and the program beside: sockets, log, index. */
const WORKER_FILES = 256;
const OTHER_FILES = 256;

/** SQLite knows STRICT tables since 3.37.0 ("STRICT Tables"). */
const LEAST_SQLITE = "3.37.0";

/** Bun wants 5.1 ("Installation"). */
const LEAST_KERNEL = "5.1";

export function checkSystem(): Finding[] {
  const { platform, arch } = process;
  const text = `${platform} ${release()}, ${arch}`;
  if (platform !== "linux") return [problem("system", text, "The program is made for Linux.")];
  if (arch !== "x64" && arch !== "arm64") return [problem("system", text, "Bun runs on x64 and arm64 only.")];
  if (isOlder(release(), LEAST_KERNEL))
    return [warning("system", text, `Bun asks for Linux ${LEAST_KERNEL} or later: update the kernel.`)];
  return [ok("system", text)];
}

export function checkBun(): Finding[] {
  const tested = pkg.dependencies.bun;
  if (!isOlder(Bun.version, tested)) return [ok("bun", Bun.version)];
  return [warning("bun", `${Bun.version} is older than the tested ${tested}`, `npm install -g bun@${tested}`)];
}

export function checkProcessors({ cpus: limit }: CgroupLimits): Finding[] {
  const cpus = availableParallelism();
  const findings: Finding[] = [ok("processors", `${cpus}${hasAvx2() ? ", AVX2" : ""}`)];
  if (limit !== null && limit < cpus)
    findings.push(
      warning(
        "processors",
        `the control group may use ${limit.toFixed(1)} of them`,
        `Raise the container's limit, or convert with --parallel ${Math.max(Math.floor(limit), 1)}.`,
      ),
    );
  if (process.arch === "x64" && !hasAvx2())
    findings.push(
      warning(
        "processors",
        "they have no AVX2",
        "Only Bun's baseline build (bun-linux-x64-baseline) runs here, as this one; conversion is slower.",
      ),
    );
  return findings;
}

export function checkMemory({ memory: limit }: CgroupLimits): Finding[] {
  const available = Math.min(availableMemory(), limit ?? Number.POSITIVE_INFINITY);
  const workers = availableParallelism();
  const wanted = Math.round(WORKER_BYTES * workers);
  const text = `${formatBytes(available)} available${limit === null ? "" : `, the control group may use ${formatBytes(limit)}`}`;
  const parallel = Math.floor(available / WORKER_BYTES);
  if (parallel < 1) return [problem("memory", text, `One worker takes ${formatBytes(WORKER_BYTES)}.`)];
  if (available < wanted)
    return [
      warning(
        "memory",
        `${text}; ${workers} workers take ${formatBytes(wanted)}`,
        `Convert with --parallel ${parallel}.`,
      ),
    ];
  return [ok("memory", text)];
}

export function checkOpenFiles(): Finding[] {
  const limit =
    /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? "unlimited";
  const wanted = OTHER_FILES + WORKER_FILES * availableParallelism();
  if (limit === "unlimited" || Number(limit) >= wanted) return [ok("open files", `limit ${limit}`)];
  return [
    warning("open files", `limit ${limit}; merging days from many chunks may need ${wanted}`, `ulimit -n ${wanted}`),
  ];
}

export function checkSqlite(): Finding[] {
  const db = new Database(":memory:");
  try {
    const version = db.query<{ version: string }, []>("SELECT sqlite_version() AS version").get()?.version ?? "";
    if (!isOlder(version, LEAST_SQLITE)) return [ok("sqlite", version)];
    return [problem("sqlite", version, `index.db needs SQLite ${LEAST_SQLITE} or later: update Bun, which brings it.`)];
  } finally {
    db.close();
  }
}

function hasAvx2(): boolean {
  return /^flags\s*:.*\bavx2\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
}

/** What the kernel thinks can be had without swapping (proc_meminfo(5), MemAvailable), bytes. */
function availableMemory(): number {
  const kib = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return kib === undefined ? freemem() : Number(kib) * 1024;
}

function isOlder(version: string, than: string): boolean {
  const numbers = (text: string) => (/^\d+(\.\d+)*/.exec(text)?.[0] ?? "0").split(".").map(Number);
  const [a, b] = [numbers(version), numbers(than)];
  const differing = b.findIndex((number, i) => (a[i] ?? 0) !== number);
  return differing >= 0 && (a[differing] ?? 0) < b[differing];
}
