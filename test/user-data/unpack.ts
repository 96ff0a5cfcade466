import { mkdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Lets user data write its files, and nothing else, into `root` instead of /; gives the folder they are in.
 * @throws {Error} with the output when it fails
 */
export function unpackUserData(userData: string, root: string): string {
  const home = join(root, "opt/proton-beam");
  mkdirSync(home, { recursive: true });
  const end = userData.lastIndexOf("END_OF_FILE");
  const script = userData
    .slice(0, userData.indexOf("\n", end))
    .replace(/^trap .*$/m, "")
    .replaceAll("/opt/proton-beam", home)
    .replaceAll("/run/proton-beam", join(root, "run"));
  const { success, stderr } = Bun.spawnSync(["bash"], { stdin: Buffer.from(script) });
  if (!success) throw new Error(`the user data failed: ${stderr}`);
  return home;
}
