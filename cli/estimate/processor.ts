/** Processor time that this process has taken so far, seconds. Other programs on a busy machine do not add to it. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
