/** Looks at a child again and again until it has ended. */
export async function pollUntilExit(child: Bun.Subprocess, everyMs: number, look: () => void): Promise<void> {
  let ended = false;
  const end = child.exited.then(() => {
    ended = true;
  });
  while (!ended) {
    look();
    await Promise.race([end, Bun.sleep(everyMs)]);
  }
}
