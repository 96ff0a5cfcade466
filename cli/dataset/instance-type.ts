export type Architecture = "x86_64" | "arm64";

/** What Debian's and Ubuntu's packages and images call an architecture. */
export function debianName(architecture: Architecture): "amd64" | "arm64" {
  return architecture === "arm64" ? "arm64" : "amd64";
}

/**
 * The architecture of an EC2 instance type by its name: a `g` after the generation is a Graviton processor
 * (EC2 User Guide, "Amazon EC2 instance type naming conventions"). Null when the text is no name of a type.
 */
export function architectureOf(type: string): Architecture | null {
  const match = /^[a-z]+\d+([a-z]*)(?:-[a-z0-9]+)?\.(?:nano|micro|small|medium|large|\d*xlarge|metal[a-z0-9-]*)$/.exec(
    type,
  );
  if (match === null) return null;
  return match[1].includes("g") || type.startsWith("a1.") ? "arm64" : "x86_64";
}

const SMALL_SIZES: Record<string, number> = { medium: 1, large: 2, xlarge: 4 };

/**
 * The vCPUs of an instance type of a general purpose or compute optimised family, by the name of its size: an `xlarge`
 * has 4, `metal-24xl` what `24xlarge` has. Null when the size does not tell: of `metal` alone, or of a burstable `nano`.
 */
export function vcpusOf(type: string): number | null {
  const size = type.split(".")[1] ?? "";
  const times = /^(?:(\d+)xlarge|metal-(\d+)xl)$/.exec(size);
  return times === null ? (SMALL_SIZES[size] ?? null) : 4 * Number(times[1] ?? times[2]);
}
