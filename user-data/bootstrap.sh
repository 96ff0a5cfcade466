# shellcheck shell=bash
# Follows the lines that have written settings.sh, instance.sh and the other files to /opt/proton-beam. May run again on
# the same machine. All that can wait for the bundle is in install.sh, since user data must be small.
# shellcheck source=/dev/null
. /opt/proton-beam/instance.sh
set -euo pipefail
# A terminal that is closed or interrupted ends the script, not what it writes last.
exec > >(tee -ai "$LOG_FILE") 2>&1
trap 'exit 130' INT
trap 'exit 129' HUP
current=start advice=''

# step NAME ADVICE: what is done now, and what to do when it fails.
step() {
  current=$1 advice=$2
  say "step: $current"
}
leave() {
  local status=$?
  rm -rf "$SCRATCH"
  ((status != 0)) || return 0
  # The machine is being taken away: that is no failure of the run, and the next machine begins anew.
  [[ $(systemctl is-system-running) != stopping ]] || return 0
  "$HOME_DIR/instance.sh" end Failed "the step '$current' failed with status $status. $advice"
}
SCRATCH=$(mktemp -d "$HOME_DIR/bootstrap.XXXXXX")
trap leave EXIT

# fetch URL FILE: from s3://, https:// or an absolute path.
fetch() {
  local curl=(curl -sSfL --connect-timeout 15 --speed-limit 10240 --speed-time 30)
  case $1 in
    /*) cp "$1" "$2" && return ;;
    s3://*) curl=(signed s3) && set -- "$(s3_url "$1")" "$2" ;;
  esac
  "${curl[@]}" -m 1800 --retry 6 --retry-all-errors -o "$2" "$1"
}

# The time the run began, which all its machines count from: the first one writes it.
share_start() {
  local url started try
  url=$(s3_url "$LOGS/run/started")
  # Role and bucket may be so new that they are not known everywhere.
  for try in 1 2 3 4 5 6 7 8; do
    signed s3 -o /dev/null -m 30 -T "$HOME_DIR/started" -H 'If-None-Match: *' "$url" 2>/dev/null || true
    if started=$(signed s3 -m 30 "$url") && [[ $started =~ ^[0-9]+$ ]]; then
      if ((started + MAX_RUN_SECONDS > $(date +%s))); then
        echo "$started" >"$HOME_DIR/started"
        return
      fi
      # A run that long over could not remove it: no machine outlives its run's deadline.
      signed s3 -o /dev/null -m 30 -T "$HOME_DIR/started" "$url" || true
    fi
    sleep $((try * 5))
  done
  return 1
}

mkdir -p "$HOME_DIR/bin" "$WORK"
rm -rf "$RUN/ended"
systemctl is-active --quiet proton-beam.service || rm -f "$HOME_DIR/started"
step "deadline of $MAX_RUN_SECONDS s" "systemd-run must work: this needs a machine that runs systemd."
arm

step "curl" "Install curl, or check that the package archive of the system can be reached."
command -v curl >/dev/null || { apt-get -qq update && apt-get -qq install -y curl ca-certificates; }

# Of a person who runs this by hand: for the converter, and not on the disk.
(umask 077 && env | sed -n '/^AWS_[A-Z0-9_]*=/p' >"$RUN/environment")

if [[ -n $LOGS ]]; then
  step "start time of the run" "The machine must be able to write and read $LOGS/run/started, with curl 7.88 or newer."
  share_start
  arm
fi
if [[ -n $STANDBY ]]; then
  step "no second machine in $STANDBY" ""
  no_machines "$STANDBY"
fi
# So that the alarm for a run that stands still knows the metric from the beginning.
(metric Work 0) &
step "bundle" "Check that $BUNDLE_URL can be read and is the bundle that was deployed."
fetch "$BUNDLE_URL" "$SCRATCH/bundle.tar.gz"
sha256sum -c --quiet <<<"$BUNDLE_SHA256  $SCRATCH/bundle.tar.gz"
tar -xzf "$SCRATCH/bundle.tar.gz" -C "$SCRATCH"
# shellcheck source=/dev/null
. "$SCRATCH/install.sh"
