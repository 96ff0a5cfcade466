import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { machineRoot } from "./machine-root.ts";
import { runTool } from "./tools.ts";

const INSTALL = "Debian package systemd-container";

/** Runs the script once, as cloud-init does: as root, with little in its environment. */
const USER_DATA_UNIT = `[Unit]
After=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/opt/user-data
TimeoutStartSec=infinity
KillMode=process
StandardOutput=append:/var/log/cloud-init-output.log
StandardError=append:/var/log/cloud-init-output.log
[Install]
WantedBy=multi-user.target
`;

/** Programs by their paths. */
export type MachineFiles = Record<string, string | Uint8Array>;

/** A Debian machine that runs its own systemd and shares the host's network. */
export interface Machine {
  /** Settles when the machine has powered itself off or was stopped. */
  off: Promise<void>;
  isOff(): boolean;
  /** A file of the machine, also after it is off. */
  path(name: string): string;
  /** The text of a file, or "" when there is none yet. */
  read(name: string): string;
  /** Runs a command in the machine. */
  run(...command: string[]): Promise<{ stdout: string; exitCode: number }>;
  /** Pulls the plug, and removes the machine with its disk. */
  remove(): Promise<void>;
}

/**
 * Boots a machine whose disk is that of a new one and is kept in memory; at the start it runs `userData`. Needs root.
 * @param folder an empty one of its own
 * @param extra `volume`: a block device or image file that it has as second disk; `files`: programs it has beside
 */
export async function startMachine(
  folder: string,
  userData: string,
  extra: { volume?: string; files?: MachineFiles } = {},
): Promise<Machine> {
  const { volume, files = {} } = extra;
  if (process.getuid?.() !== 0) throw new Error("a machine mounts its disk and has devices: run this as root");
  const root = join(folder, "root");
  const memory = join(folder, "memory");
  for (const path of [root, memory]) mkdirSync(path, { recursive: true });
  mount("tmpfs", memory, "size=3g");
  const [upper, work] = ["upper", "work"].map((name) => join(memory, name));
  for (const path of [upper, work]) mkdirSync(path);
  mount("overlay", root, `lowerdir=${machineRoot()},upperdir=${upper},workdir=${work}`);
  for (const [name, text] of Object.entries({ ...files, "opt/user-data": userData })) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text, { mode: 0o755 });
  }
  writeFileSync(join(root, "etc/systemd/system/user-data.service"), USER_DATA_UNIT);
  runTool(["systemctl", `--root=${root}`, "--quiet", "enable", "user-data.service"], INSTALL);
  const device = volume === undefined ? null : attach(volume);

  const name = `proton-beam-${basename(folder)}`;
  const cgroup = join(cgroupMount(), name);
  mkdirSync(cgroup, { recursive: true });
  const options = [
    ...["--quiet", "--boot", "--register=no", "--console=pipe", "--link-journal=no", "--resolv-conf=off"],
    // On a host without systemd there is nobody who could make a unit for it.
    ...(existsSync("/run/systemd/system") ? [] : ["--keep-unit"]),
    ...(device === null ? [] : [`--bind=${device}`]),
    ...[`--machine=${name}`, `--directory=${root}`],
  ];
  // In a control group of its own: the machine's systemd takes the one it is in for the whole tree.
  const command = ["sh", "-c", 'echo $$ >"$0"/cgroup.procs && exec "$@"', cgroup, "systemd-nspawn", ...options];
  const child = Bun.spawn(command, {
    env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const path = (file: string) => join(root, file);
  return {
    off: child.exited.then(() => undefined),
    isOff: () => child.exitCode !== null || child.signalCode !== null,
    path,
    read: (file) => (existsSync(path(file)) ? readFileSync(path(file), "utf8") : ""),
    run: async (...command) => {
      // None before systemd-nspawn has started it.
      const leader = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ")[0];
      if (leader === "") return { stdout: "", exitCode: 1 };
      const namespaces = ["--mount", "--uts", "--ipc", "--pid", "--cgroup"];
      const entered = Bun.spawn(["nsenter", "--target", leader, ...namespaces, "--", ...command], {
        stderr: "ignore",
      });
      return { stdout: await new Response(entered.stdout).text(), exitCode: await entered.exited };
    },
    remove: async () => {
      child.kill("SIGKILL");
      await child.exited;
      killAll(cgroup);
      for (const mounted of [root, memory]) runTool(["umount", "--recursive", "--lazy", mounted], INSTALL);
      if (device !== null && device !== volume) runTool(["losetup", "--detach", device], INSTALL);
    },
  };
}

function mount(type: string, target: string, options: string): void {
  runTool(["mount", "-t", type, type, target, "-o", options], "Debian package mount");
}

/** The block device for an image file. */
function attach(volume: string): string {
  if (volume.startsWith("/dev/")) return volume;
  return runTool(["losetup", "--find", "--show", volume], "Debian package mount").trim();
}

/** Where the unified hierarchy of control groups is. */
function cgroupMount(): string {
  const line = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .find((mounted) => mounted.split(" ")[2] === "cgroup2");
  if (line === undefined) throw new Error("there is no cgroup2 mount: systemd cannot run in a container here");
  return line.split(" ")[1];
}

function killAll(cgroup: string): void {
  writeFileSync(join(cgroup, "cgroup.kill"), "1");
  const groups = runTool(["find", cgroup, "-depth", "-type", "d"], "Debian package findutils").trim().split("\n");
  for (const group of groups) removeGroup(group);
}

/** A killed process leaves its group a moment later. */
function removeGroup(group: string): void {
  for (let tries = 0; ; tries++) {
    try {
      rmdirSync(group);
      return;
    } catch (error) {
      if (tries === 100) throw error;
      Bun.sleepSync(20);
    }
  }
}
