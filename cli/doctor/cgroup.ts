import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a container may use. Null: as much as there is. */
export interface CgroupLimits {
  /** Processors, also in parts. */
  cpus: number | null;
  /** Bytes. */
  memory: number | null;
}

/**
 * The limits of this process's control group and those above it (Linux kernel, "Control Group v2": cpu.max, memory.max;
 * version 1: cfs_quota_us, limit_in_bytes).
 */
export function readCgroupLimits(mount = "/sys/fs/cgroup", membership = "/proc/self/cgroup"): CgroupLimits {
  const lines = readText(membership)?.split("\n") ?? [];
  const unified = lines.find((line) => line.startsWith("0::"))?.slice("0::".length) ?? "/";
  const limits: CgroupLimits[] = [];
  for (let path = unified; ; path = dirname(path)) {
    limits.push(readGroup(join(mount, path)));
    if (path === "/" || path === ".") break;
  }
  limits.push(readVersion1(mount));
  return {
    cpus: least(limits.map(({ cpus }) => cpus)),
    memory: least(limits.map(({ memory }) => memory)),
  };
}

function readGroup(folder: string): CgroupLimits {
  const [quota, period] = (readText(join(folder, "cpu.max")) ?? "max").split(/\s+/);
  const memory = readText(join(folder, "memory.max"));
  return {
    cpus: period === undefined || quota === "max" ? null : Number(quota) / Number(period),
    memory: memory === null || memory.startsWith("max") ? null : Number(memory),
  };
}

function readVersion1(mount: string): CgroupLimits {
  const quota = Number(readText(join(mount, "cpu/cpu.cfs_quota_us")) ?? "-1");
  const period = Number(readText(join(mount, "cpu/cpu.cfs_period_us")) ?? "100000");
  const memory = Number(readText(join(mount, "memory/memory.limit_in_bytes")) ?? "-1");
  return {
    cpus: quota > 0 ? quota / period : null,
    // No limit is a number near 2^63 there.
    memory: memory > 0 && memory < 2 ** 60 ? memory : null,
  };
}

function least(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function readText(path: string): string | null {
  return existsSync(path) ? readFileSync(path, "utf8").trim() : null;
}
