import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runTool, toolsFolder } from "./tools.ts";

/** Raised when what follows changes. */
const VERSION = 1;

const PACKAGES = [
  "ca-certificates",
  "curl",
  "dbus",
  "e2fsprogs",
  "gpg",
  "procps",
  "systemd",
  "systemd-sysv",
  "util-linux",
];

/**
 * Its package archive is a folder in it with the one package that a new machine lacks, so that `apt-get install` works
 * without a network. Timers of the system would only disturb.
 */
const CUSTOMIZE = `
set -e
mkdir -p "$1/opt/packages"
chroot "$1" sh -c 'cd /opt/packages && apt-get download libsecp256k1-1 &&
  for file in *.deb; do
    dpkg-deb -f "$file"
    echo "Filename: ./$file"
    echo "Size: $(stat -c %s "$file")"
    echo "SHA256: $(sha256sum "$file" | cut -d " " -f 1)"
  done >Packages
  rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
  echo "deb [trusted=yes] file:/opt/packages ./" >/etc/apt/sources.list
  systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service console-getty.service
  rm -f /etc/machine-id && touch /etc/machine-id'
`;

/** The root directory of a fresh Debian machine with systemd; made once and kept. Nothing must be written below it. */
export function machineRoot(): string {
  const root = join(toolsFolder(), `machine-root-${VERSION}`);
  if (existsSync(root)) return root;
  const folder = mkdtempSync(`${root}-`);
  const unfinished = join(folder, "root");
  try {
    const options = ["--variant=minbase", `--include=${PACKAGES.join(",")}`, `--customize-hook=${CUSTOMIZE}`];
    runTool(["mmdebstrap", "--quiet", ...options, "bookworm", unfinished], "Debian package mmdebstrap");
    renameSync(unfinished, root);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return root;
}
