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
