# shellcheck shell=bash
# Comes with the bundled converter; bootstrap.sh goes on with it when it has checked the bundle.

# apt ARGUMENTS…: apt-get, patient with others that hold its locks.
apt() {
  local try options=(-qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Acquire::http::Timeout=30)
  for try in 1 2 3 4 5 6 7 8; do
    DEBIAN_FRONTEND=noninteractive timeout 900 apt-get "${options[@]}" "$@" && return
    sleep $((try * 5))
  done
  return 1
}

# install_packages NAME…: a pattern may name a package whose version is in its name.
install_packages() {
  local names
  apt update || return
  names=$(for name in "$@"; do apt-cache --names-only search "^$name\$" | cut -d ' ' -f 1 | sort | tail -n 1; done)
  [[ -n $names ]] || return
  # shellcheck disable=SC2086
  apt install -y --no-install-recommends $names
}

# The largest disk without partitions and without anything written on it that is known.
blank_disk() {
  local size type fixed name status
  while read -r size type fixed name; do
    [[ $type =~ ^(disk|loop)$ && $fixed == 0 && -b $name && $(lsblk -no NAME "$name" | wc -l) == 1 ]] || continue
    ((size > 0)) || continue
    status=0
    blkid -p "$name" >/dev/null || status=$?
    ((status != 2)) || { printf %s "$name" && break; }
  done < <(lsblk -dnbpo SIZE,TYPE,RO,NAME | sort -rn)
}

mount_volume() {
  local device='' waited
  ! mountpoint -q "$WORK" || return 0
  for ((waited = 0; waited < 60; waited++)); do
    device=$(blkid -L proton-beam) && break
    device=$(blank_disk)
    if [[ -n $device ]]; then
      mkfs.ext4 -q -m 0 -L proton-beam "$device"
      break
    fi
    sleep 1
  done
  [[ -n $device ]] || { say "there is no blank disk:" && lsblk -o NAME,TYPE,SIZE,FSTYPE,MOUNTPOINT && return 1; }
  grep -q ^LABEL=proton-beam /etc/fstab ||
    echo "LABEL=proton-beam $WORK ext4 defaults,noatime,nofail,x-systemd.device-timeout=60 0 2" >>/etc/fstab
  mount -o noatime "$device" "$WORK"
  say "$device is the work volume"
}

install_bun() {
  [[ $("$HOME_DIR/bin/bun" --version 2>/dev/null) != "$BUN_VERSION" ]] || return 0
  local name=bun-linux-x64 sum=$BUN_SHA512_X64
  [[ $(uname -m) == x86_64 ]] || name=bun-linux-aarch64 sum=$BUN_SHA512_AARCH64
  fetch "$BUN_URL/$name/-/$name-$BUN_VERSION.tgz" "$SCRATCH/bun.tgz"
  sha512sum -c --quiet <<<"$sum  $SCRATCH/bun.tgz"
  tar -xzf "$SCRATCH/bun.tgz" -C "$SCRATCH" package/bin/bun
  mv "$SCRATCH/package/bin/bun" "$HOME_DIR/bin/bun"
  "$HOME_DIR/bin/bun" --version
}

install_converter() {
  local made="$BUNDLE_SHA256 $BUN_VERSION"
  [[ ! -x "$HOME_DIR/bin/proton-beam" || $(cat "$HOME_DIR/bin/made" 2>/dev/null) != "$made" ]] || return 0
  (cd "$SCRATCH" && HOME=$SCRATCH "$HOME_DIR/bin/bun" build --compile main.js ./*worker.js --outfile proton-beam)
  mv "$SCRATCH/proton-beam" "$HOME_DIR/bin/proton-beam"
  echo "$made" >"$HOME_DIR/bin/made"
}

# Checks signatures in batches, several times as fast. The converter finds it beside itself, and goes on without it.
install_native_library() {
  local library="$HOME_DIR/bin/schnorr-batch.so"
  [[ ! -f $library || $(cat "$HOME_DIR/bin/native" 2>/dev/null) != "$BUNDLE_SHA256" ]] || return 0
  command -v cc >/dev/null || install_packages gcc libc6-dev || return
  sh "$SCRATCH/build-native.sh" "$SCRATCH/schnorr-batch.c" "$SCRATCH/secp256k1" "$library" || return
  echo "$BUNDLE_SHA256" >"$HOME_DIR/bin/native"
}

# Its failing leaves the machine without metrics and shipped logs, but the run goes on: so each step says `|| return`.
install_agent() {
  local ctl=/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl gpg=(gpg --batch --no-autostart --homedir "$SCRATCH/gnupg")
  if [[ ! -x "$ctl" ]]; then
    fetch "$AGENT_URL" "$SCRATCH/agent.deb" && fetch "$AGENT_SIGNATURE_URL" "$SCRATCH/agent.sig" &&
      fetch "$AGENT_KEY_URL" "$SCRATCH/agent.key" || return
    mkdir -m 700 "$SCRATCH/gnupg" && "${gpg[@]}" --quiet --import "$SCRATCH/agent.key" || return
    if ! "${gpg[@]}" --status-fd 1 --verify "$SCRATCH/agent.sig" "$SCRATCH/agent.deb" 2>/dev/null |
      grep -q "^\[GNUPG:\] VALIDSIG .*$AGENT_KEY\$"; then
      say "the agent's package is not signed by the key $AGENT_KEY"
      return 1
    fi
    apt install -y "$SCRATCH/agent.deb" || return
  fi
  "$ctl" -a fetch-config -m ec2 -s -c "file:$HOME_DIR/agent.json"
}

# A machine that is there for one run needs no updates in the middle of it.
[[ $TERMINATE != true ]] || systemctl stop apt-daily.timer apt-daily-upgrade.timer 2>/dev/null || true

step "packages" "Check that the package archive of the system can be reached."
missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
[[ $VOLUME != mount ]] || need mkfs.ext4 e2fsprogs
[[ -z $AGENT_URL ]] || need gpg gpg
((${#missing[@]} == 0)) || install_packages "${missing[@]}"
# Without it signatures are checked by WebAssembly, five times slower.
ldconfig -p | grep -q 'libsecp256k1\.so\.[1-9]' || install_packages 'libsecp256k1-[1-9]' ||
  say "warning: libsecp256k1 cannot be installed, so signatures are checked more slowly"

if [[ $VOLUME == mount ]]; then
  step "work volume" "Attach an empty disk to the machine, or use the volume setting 'directory'."
  mount_volume
fi
id proton-beam >/dev/null 2>&1 || useradd --system --home-dir "$WORK" --shell /usr/sbin/nologin proton-beam
mkdir -p "$WORK/work"
chown -h proton-beam: "$WORK" "$WORK/work"

step "Bun $BUN_VERSION" "Check that $BUN_URL can be reached and holds the pinned release, or set another address."
install_bun
step "compiling the converter" "The bundle $BUNDLE_URL does not go with Bun $BUN_VERSION."
install_converter
step "compiling the native library" ""
install_native_library || say "warning: the library for signatures cannot be compiled, so they are checked one by one, more slowly"
if [[ -n $AGENT_URL ]]; then
  step "CloudWatch agent" ""
  install_agent || say "warning: the CloudWatch agent is not running: logs reach S3 only at the end"
fi

step "service" "See the output of: journalctl -u proton-beam"
[[ ! -d "$RUN/ended" ]] || exit 1
install -m 755 "$SCRATCH/service.sh" "$HOME_DIR/service.sh"
install -m 644 "$SCRATCH/proton-beam.service" /etc/systemd/system/proton-beam.service
systemctl daemon-reload
systemctl enable --quiet proton-beam.service
systemctl start proton-beam.service
say "the converter runs: follow it with: tail -f $LOG_FILE $WORK/work/proton-beam.log"
